"""IAM through boto3: entities, policies, tags, providers, the simulator, paging, and AWS's errors."""

import json

import pytest
from support import account, allow, client, deny, make_role, make_user, policy, refused, trust, unchecked, unique

iam = client("iam")


def test_user_life():
    name = unique("user")
    made = iam.create_user(UserName=name, Path="/team/", Tags=[{"Key": "Team", "Value": "blue"}])["User"]
    assert made["Arn"] == f"arn:aws:iam::{account()}:user/team/{name}"
    assert made["UserId"].startswith("AIDA") and len(made["UserId"]) == 21
    got = iam.get_user(UserName=name)["User"]
    assert got["Tags"] == [{"Key": "Team", "Value": "blue"}]
    assert got["CreateDate"].tzinfo is not None
    with refused("EntityAlreadyExists", f"User with name {name} already exists.", 409):
        iam.create_user(UserName=name)
    new = unique("renamed")
    iam.update_user(UserName=name, NewUserName=new, NewPath="/")
    assert iam.get_user(UserName=new)["User"]["UserId"] == made["UserId"]
    with refused("NoSuchEntity", f"The user with name {name} cannot be found.", 404):
        iam.get_user(UserName=name)
    iam.delete_user(UserName=new)
    with refused("NoSuchEntity"):
        iam.delete_user(UserName=new)


def test_user_names_are_checked():
    with refused("ValidationError", "userName"):
        iam.create_user(UserName="a b")
    with refused("ValidationError", "length less than or equal to 64|Maximum length of 64"):
        iam.create_user(UserName="a" * 65)


def test_user_names_are_unique_without_regard_to_case():
    name = unique("Case")
    iam.create_user(UserName=name)
    with refused("EntityAlreadyExists"):
        iam.create_user(UserName=name.lower())


def test_access_keys():
    name, key = make_user(allow("iam:GetUser"))
    mine = client("iam", key)
    assert mine.get_user()["User"]["UserName"] == name
    iam.create_access_key(UserName=name)
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409):
        iam.create_access_key(UserName=name)
    assert len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"]) == 2
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", 403):
        mine.get_user()
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Active")
    mine.get_user()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == name
    with refused("DeleteConflict", "Cannot delete entity, must delete access keys first", 409):
        iam.delete_user_policy(UserName=name, PolicyName="inline")
        iam.delete_user(UserName=name)
    for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=k["AccessKeyId"])
    iam.delete_user(UserName=name)
    with refused("InvalidClientTokenId"):
        mine.get_user()


def test_groups_give_their_policies():
    group = unique("group")
    made = iam.create_group(GroupName=group)["Group"]
    assert made["GroupId"].startswith("AGPA")
    iam.put_group_policy(GroupName=group, PolicyName="list", PolicyDocument=policy(allow("iam:ListUsers")))
    name, key = make_user()
    mine = client("iam", key)
    with refused("AccessDenied", f"User: arn:aws:iam::{account()}:user/{name} is not authorized to perform: iam:ListUsers on resource: "
                 f"arn:aws:iam::{account()}:user/ because no identity-based policy allows the iam:ListUsers action", 403):
        mine.list_users()
    iam.add_user_to_group(GroupName=group, UserName=name)
    mine.list_users()
    assert [u["UserName"] for u in iam.get_group(GroupName=group)["Users"]] == [name]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName=name)["Groups"]] == [group]
    with refused("DeleteConflict"):
        iam.delete_group(GroupName=group)
    iam.remove_user_from_group(GroupName=group, UserName=name)
    with refused("AccessDenied"):
        mine.list_users()
    assert iam.list_group_policies(GroupName=group)["PolicyNames"] == ["list"]
    iam.delete_group_policy(GroupName=group, PolicyName="list")
    iam.delete_group(GroupName=group)
    with refused("NoSuchEntity", f"The group with name {group} cannot be found."):
        iam.get_group(GroupName=group)


def test_role_life():
    name = unique("role")
    document = trust({"AWS": account()})
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, Description="d", MaxSessionDuration=7200)["Role"]
    assert made["RoleId"].startswith("AROA") and made["MaxSessionDuration"] == 7200
    got = iam.get_role(RoleName=name)["Role"]
    assert got["AssumeRolePolicyDocument"]["Statement"][0]["Action"] == "sts:AssumeRole"
    iam.update_role(RoleName=name, Description="e", MaxSessionDuration=3600)
    assert iam.get_role(RoleName=name)["Role"]["Description"] == "e"
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust({"Service": "lambda.amazonaws.com"}))
    got = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    assert got["Statement"][0]["Principal"] == {"Service": "lambda.amazonaws.com"}
    with refused("EntityAlreadyExists", f"Role with name {name} already exists."):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(allow("s3:GetObject")))
    with refused("DeleteConflict", "Cannot delete entity, must delete policies first."):
        iam.delete_role(RoleName=name)
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    with refused("NoSuchEntity", "The role policy with name p cannot be found."):
        iam.get_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    with refused("NoSuchEntity", f"The role with name {name} cannot be found."):
        iam.get_role(RoleName=name)
    with refused("ValidationError", "maxSessionDuration"):
        unchecked("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document, MaxSessionDuration=60)


def test_managed_policies_and_their_versions():
    name = unique("managed")
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListUsers")), Description="x")["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{account()}:policy/{name}"
    with refused("EntityAlreadyExists", f"A policy called {name} already exists. Duplicate names are not allowed."):
        iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("iam:ListUsers")))
    user, key = make_user()
    mine = client("iam", key)
    iam.attach_user_policy(UserName=user, PolicyArn=arn)
    mine.list_users()
    assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == [{"PolicyName": name, "PolicyArn": arn}]
    with refused("DeleteConflict", "Cannot delete a policy attached to entities."):
        iam.delete_policy(PolicyArn=arn)

    v2 = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(deny("iam:ListUsers")), SetAsDefault=True)["PolicyVersion"]
    assert v2["VersionId"] == "v2" and v2["IsDefaultVersion"]
    with refused("AccessDenied", "with an explicit deny in an identity-based policy"):
        mine.list_users()
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    mine.list_users()
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("iam:ListUsers")))
    with refused("LimitExceeded", "A managed policy can have up to 5 versions"):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("iam:ListUsers")))
    with refused("DeleteConflict", "Cannot delete the default version of a policy."):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 5
    for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
        if not v["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=arn, VersionId=v["VersionId"])
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    assert [u["UserName"] for u in entities["PolicyUsers"]] == [user]
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    iam.detach_user_policy(UserName=user, PolicyArn=arn)
    with refused("NoSuchEntity"):
        iam.detach_user_policy(UserName=user, PolicyArn=arn)
    iam.delete_policy(PolicyArn=arn)
    with refused("NoSuchEntity", f"Policy {arn} was not found.|Policy {arn} does not exist"):
        iam.get_policy(PolicyArn=arn)


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        '{"Version":"2012-10-17"}',
        '{"Version":"2013-01-01","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"allow","Action":"s3:*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringSame":{"a":"b"}}}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"GetObject","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}]}',
    ],
)
def test_malformed_policies_are_refused(document):
    user, _ = make_user()
    with refused("MalformedPolicyDocument", None, 400):
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document)


def test_trust_policy_must_name_a_principal_that_exists():
    with refused("MalformedPolicyDocument", "Invalid principal in policy"):
        iam.create_role(RoleName=unique("role"), AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account()}:role/none-such"}))
    with refused("MalformedPolicyDocument"):
        iam.create_role(RoleName=unique("role"), AssumeRolePolicyDocument=policy(allow("sts:AssumeRole")))


def test_boundary_caps_what_policies_allow():
    boundary = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=policy(allow("iam:ListUsers")))["Policy"]["Arn"]
    user, key = make_user(allow("iam:*"), PermissionsBoundary=boundary)
    mine = client("iam", key)
    mine.list_users()
    with refused("AccessDenied", "because no permissions boundary allows the iam:ListGroups action"):
        mine.list_groups()
    assert iam.get_user(UserName=user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    iam.delete_user_permissions_boundary(UserName=user)
    mine.list_groups()
    iam.put_user_permissions_boundary(UserName=user, PermissionsBoundary=boundary)
    with refused("AccessDenied"):
        mine.list_groups()


def test_tags():
    user, _ = make_user()
    iam.tag_user(UserName=user, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    iam.tag_user(UserName=user, Tags=[{"Key": "a", "Value": "2"}])
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    iam.untag_user(UserName=user, TagKeys=["a"])
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "b", "Value": ""}]
    with refused("InvalidInput", "Duplicate tag keys found"):
        iam.tag_user(UserName=user, Tags=[{"Key": "x", "Value": "1"}, {"Key": "X", "Value": "2"}])
    with refused("ValidationError", "tags.1.member.value"):
        iam.tag_user(UserName=user, Tags=[{"Key": "k", "Value": "v" * 257}])
    name = unique("role")
    make_role(None, name=name, Tags=[{"Key": "r", "Value": "1"}])
    assert iam.list_role_tags(RoleName=name)["Tags"] == [{"Key": "r", "Value": "1"}]
    iam.untag_role(RoleName=name, TagKeys=["r"])
    arn = iam.create_policy(PolicyName=unique("p"), PolicyDocument=policy(allow("s3:*")), Tags=[{"Key": "p", "Value": "1"}])["Policy"]["Arn"]
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "p", "Value": "1"}]


def test_principal_and_resource_tags_decide():
    _, key = make_user(
        allow("iam:GetUser", Condition={"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}),
        Tags=[{"Key": "team", "Value": "blue"}],
    )
    blue, _ = make_user(Tags=[{"Key": "Team", "Value": "blue"}])
    red, _ = make_user(Tags=[{"Key": "team", "Value": "red"}])
    none, _ = make_user()
    mine = client("iam", key)
    mine.get_user(UserName=blue)
    for other in (red, none):
        with refused("AccessDenied"):
            mine.get_user(UserName=other)


def test_oidc_providers():
    host = unique("issuer") + ".example.com"
    arn = iam.create_open_id_connect_provider(Url=f"https://{host}/path", ClientIDList=["app"], ThumbprintList=["a" * 40])["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{account()}:oidc-provider/{host}/path"
    with refused("EntityAlreadyExists", "Provider with url .* already exists"):
        iam.create_open_id_connect_provider(Url=f"https://{host}/path", ClientIDList=["app"], ThumbprintList=["a" * 40])
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="web")
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got["Url"] == f"{host}/path" and sorted(got["ClientIDList"]) == ["app", "web"]
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="app")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["b" * 40])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got["ClientIDList"] == ["web"] and got["ThumbprintList"] == ["b" * 40]
    assert arn in [p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("NoSuchEntity"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    with refused("InvalidInput"):
        iam.create_open_id_connect_provider(Url="http://plain.example.com", ClientIDList=["app"], ThumbprintList=["a" * 40])


def test_simulate():
    user, _ = make_user(
        allow("s3:GetObject", "arn:aws:s3:::b/${aws:PrincipalTag/TenantID}/*"),
        deny("s3:GetObject", "arn:aws:s3:::b/acme/secret"),
        Tags=[{"Key": "TenantID", "Value": "acme"}],
    )
    arn = iam.get_user(UserName=user)["User"]["Arn"]

    def decision(resource, action="s3:GetObject"):
        (result,) = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource])["EvaluationResults"]
        return result["EvalDecision"]

    assert decision("arn:aws:s3:::b/acme/x") == "allowed"
    assert decision("arn:aws:s3:::b/acme/secret") == "explicitDeny"
    assert decision("arn:aws:s3:::b/globex/x") == "implicitDeny"
    assert decision("arn:aws:s3:::b/acme/x", "s3:PutObject") == "implicitDeny"

    custom = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:GetObject", Condition={"StringEquals": {"s3:prefix": "a"}}))],
        ActionNames=["s3:GetObject"], ResourceArns=["arn:aws:s3:::b/x"],
        ContextEntries=[{"ContextKeyName": "s3:prefix", "ContextKeyType": "string", "ContextKeyValues": ["a"]}],
    )["EvaluationResults"]
    assert custom[0]["EvalDecision"] == "allowed" and custom[0]["MatchedStatements"]
    missing = iam.simulate_custom_policy(
        PolicyInputList=[policy(allow("s3:GetObject", Condition={"StringEquals": {"s3:prefix": "a"}}))], ActionNames=["s3:GetObject"],
    )["EvaluationResults"][0]
    assert missing["EvalDecision"] == "implicitDeny" and missing["MissingContextValues"] == ["s3:prefix"]
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[policy(allow("s3:*", Condition={"StringEquals": {"s3:prefix": "a"}}))])
    assert keys["ContextKeyNames"] == ["s3:prefix"]


def test_paging():
    path = f"/{unique('page')}/"
    names = sorted(unique("u") for _ in range(5))
    for n in names:
        iam.create_user(UserName=n, Path=path)
    first = iam.list_users(PathPrefix=path, MaxItems=2)
    assert first["IsTruncated"] and len(first["Users"]) == 2
    pages = iam.get_paginator("list_users").paginate(PathPrefix=path, PaginationConfig={"PageSize": 2})
    assert sorted(u["UserName"] for page in pages for u in page["Users"]) == names
    with refused("ValidationError"):
        iam.list_users(Marker="not-a-marker")
    with refused("ValidationError", "maxItems"):
        unchecked("iam").list_users(MaxItems=1001)


def test_account_authorization_details():
    user, _ = make_user(allow("s3:GetObject"))
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["User"])
    found = [u for p in pages for u in p["UserDetailList"] if u["UserName"] == user]
    assert found[0]["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"


def test_waiters():
    name = unique("waited")
    iam.create_user(UserName=name)
    iam.get_waiter("user_exists").wait(UserName=name)
    arn = make_role()
    iam.get_waiter("role_exists").wait(RoleName=arn.split("/")[-1])


def test_get_user_without_a_name_is_the_caller():
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{account()}:root"


def test_documents_come_back_as_written():
    user, _ = make_user()
    text = '{"Version": "2012-10-17",\n "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/ü+%/*"}}'
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=text)
    assert iam.get_user_policy(UserName=user, PolicyName="p")["PolicyDocument"] == json.loads(text)
