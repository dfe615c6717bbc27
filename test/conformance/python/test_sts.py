"""STS through boto3: sessions of every kind, what they carry, their limits, and explained denials."""

import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from issuer import Issuer
from support import (
    account, allow, assume, client, deny, get, make_role, make_user, operator, policy, refused, role_arn, trust, unchecked, unique, unsigned,
)

TAGGED = ["sts:AssumeRole", "sts:TagSession"]


def tags(**values):
    return [{"Key": k, "Value": v} for k, v in values.items()]


def test_caller_identity_of_every_kind():
    root = client("sts").get_caller_identity()
    assert root["Arn"] == f"arn:aws:iam::{account()}:root" and root["UserId"] == account()
    name, key = make_user()
    user = client("sts", key).get_caller_identity()
    assert user["Arn"] == f"arn:aws:iam::{account()}:user/{name}" and user["UserId"].startswith("AIDA")
    role = make_role()
    session = client("sts", assume(role, RoleSessionName="s@1,=.-")).get_caller_identity()
    assert session["Arn"] == f"arn:aws:sts::{account()}:assumed-role/{role.split('/')[-1]}/s@1,=.-"
    assert session["UserId"].startswith("AROA") and session["UserId"].endswith(":s@1,=.-")


def test_presigned_caller_identity():
    url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    assert f"arn:aws:iam::{account()}:root" in get(url).decode()
    with pytest.raises(urllib.error.HTTPError) as e:
        get(url.replace("Action=GetCallerIdentity", "Action=GetSessionToken"))
    assert e.value.code == 403


def test_wrong_secret_and_unknown_key():
    _, key = make_user()
    with refused("SignatureDoesNotMatch", "The request signature we calculated does not match", 403):
        client("sts", {**key, "SecretAccessKey": "x" * 40, "SessionToken": None, "AccessKeyId": key["AccessKeyId"]}).get_caller_identity()
    with refused("InvalidClientTokenId", "The security token included in the request is invalid", 403):
        client("sts", {"AccessKeyId": "AKIA" + "A" * 16, "SecretAccessKey": "x", "SessionToken": None}).get_caller_identity()


def test_a_session_token_of_another_session():
    role = make_role()
    one, two = assume(role), assume(role)
    with refused("InvalidClientTokenId"):
        client("sts", {**one, "SessionToken": two["SessionToken"]}).get_caller_identity()
    broken = one["SessionToken"][:-5] + ("AAAAA" if not one["SessionToken"].endswith("AAAAA") else "BBBBB")
    with refused("InvalidClientTokenId"):
        client("sts", {**one, "SessionToken": broken}).get_caller_identity()


def test_root_assumes_no_roles():
    with refused("AccessDenied", "Roles may not be assumed by root accounts"):
        client("sts").assume_role(RoleArn=make_role(), RoleSessionName="root")


def test_trust_decides():
    name, key = make_user(allow("sts:AssumeRole"))
    arn = f"arn:aws:iam::{account()}:user/{name}"
    trusted = make_role(trust({"AWS": arn}))
    _, stranger = make_user(allow("sts:AssumeRole"))
    assume(trusted, client("sts", key))
    with refused("AccessDenied", f"is not authorized to perform: sts:AssumeRole on resource: {trusted}", 403):
        assume(trusted, client("sts", stranger))
    with refused("AccessDenied"):
        assume(role_arn("no-such-role"), client("sts", key))
    _, nobody = make_user()
    with refused("AccessDenied"):
        assume(make_role(), client("sts", nobody))


def test_a_user_made_anew_is_not_trusted():
    iam = client("iam")
    name, _ = make_user()
    trusted = make_role(trust({"AWS": f"arn:aws:iam::{account()}:user/{name}"}))
    for k in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=k["AccessKeyId"])
    iam.delete_user(UserName=name)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    with refused("AccessDenied"):
        assume(trusted, client("sts", {**key, "SessionToken": None}))


def test_external_id():
    role = make_role(trust({"AWS": account()}, Condition={"StringEquals": {"sts:ExternalId": "tenant-7"}}))
    assume(role, ExternalId="tenant-7")
    with refused("AccessDenied"):
        assume(role, ExternalId="tenant-8")
    with refused("AccessDenied"):
        assume(role)


def test_session_tags_reach_policies():
    role = make_role(
        trust({"AWS": account()}, TAGGED),
        allow("iam:GetRole", f"arn:aws:iam::{account()}:role/${{aws:PrincipalTag/TenantID}}-*"),
        Tags=tags(TenantID="from-role"),
    )
    own = unique("acme")
    make_role(name=own)
    client("iam", assume(role, Tags=tags(TenantID="acme"))).get_role(RoleName=own)
    for other, code in (("globex", "AccessDenied"), ("acme-1", "AccessDenied"), ("*", "ValidationError"), ("acm?", "ValidationError")):
        with refused(code):
            client("iam", assume(role, Tags=tags(TenantID=other))).get_role(RoleName=own)
    with refused("AccessDenied"):
        client("iam", assume(role)).get_role(RoleName=own)  # the role's own tag


def test_tagging_needs_permission():
    untagged = make_role(trust({"AWS": account()}, "sts:AssumeRole"))
    with refused("AccessDenied", "is not authorized to perform: sts:TagSession on resource"):
        assume(untagged, Tags=tags(TenantID="acme"))
    required = make_role(json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account()}, "Action": TAGGED, "Condition": {"StringEquals": {"aws:RequestTag/TenantID": "acme"}}},
    ]}))
    assume(required, Tags=tags(TenantID="acme"))
    with refused("AccessDenied"):
        assume(required, Tags=tags(TenantID="globex"))
    with refused("AccessDenied"):
        assume(required)


def test_transitive_tags_stay_and_others_do_not():
    second = make_role(
        trust({"AWS": account()}, TAGGED),
        allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/TenantID": "acme"}}),
        allow("iam:ListGroups", Condition={"StringEquals": {"aws:PrincipalTag/Color": "blue"}}),
    )
    first = make_role(trust({"AWS": account()}, TAGGED), allow(TAGGED))
    creds = assume(first, Tags=tags(TenantID="acme", Color="blue"), TransitiveTagKeys=["TenantID"])
    chained = client("iam", assume(second, client("sts", creds)))
    chained.list_users()
    with refused("AccessDenied"):
        chained.list_groups()
    with refused("InvalidParameterValue", "conflicts with a transitive tag"):
        assume(second, client("sts", creds), Tags=tags(tenantid="globex"))
    with refused("ValidationError"):
        assume(first, Tags=tags(TenantID="acme"), TransitiveTagKeys=["Other"])


@pytest.mark.parametrize("code, bad", [
    ("ValidationError", [{"Key": "k", "Value": "v*"}]),
    ("ValidationError", [{"Key": f"k{i}", "Value": "v"} for i in range(51)]),
    ("ValidationError", [{"Key": "k", "Value": "1"}, {"Key": "K", "Value": "2"}]),
    ("ValidationError", [{"Key": "aws:k", "Value": "v"}]),
])
def test_bad_session_tags(code, bad):
    with refused(code):
        assume(make_role(), Tags=bad)


def test_session_policy_intersects():
    role = make_role(None, allow(["iam:ListUsers", "iam:ListGroups"]))
    creds = assume(role, Policy=policy(allow("iam:ListUsers"), allow("iam:ListRoles")))
    iam = client("iam", creds)
    iam.list_users()
    with refused("AccessDenied", "because no session policy allows the iam:ListGroups action"):
        iam.list_groups()
    with refused("AccessDenied", "because no identity-based policy allows the iam:ListRoles action"):
        iam.list_roles()
    managed = client("iam").create_policy(PolicyName=unique("session"), PolicyDocument=policy(allow("iam:ListGroups")))["Policy"]["Arn"]
    iam = client("iam", assume(role, PolicyArns=[{"arn": managed}]))
    iam.list_groups()
    with refused("AccessDenied"):
        iam.list_users()
    with refused("MalformedPolicyDocument"):
        assume(role, Policy="{}")
    with refused("ValidationError", "policy"):
        assume(role, Policy=policy(allow("s3:*", "arn:aws:s3:::" + "b" * 2100)))


def test_source_identity_stays():
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:SetSourceIdentity"]), allow(["sts:AssumeRole", "sts:SetSourceIdentity"]),
                     allow("iam:ListUsers", Condition={"StringEquals": {"aws:SourceIdentity": "alice"}}))
    answer = operator("sts").assume_role(RoleArn=role, RoleSessionName="session", SourceIdentity="alice")
    assert answer["SourceIdentity"] == "alice"
    client("iam", answer["Credentials"]).list_users()
    again = client("sts", answer["Credentials"]).assume_role(RoleArn=role, RoleSessionName="another")
    assert again["SourceIdentity"] == "alice"
    with refused("AccessDenied"):
        client("sts", answer["Credentials"]).assume_role(RoleArn=role, RoleSessionName="another", SourceIdentity="bob")


def test_durations():
    role = make_role(trust({"AWS": account()}), allow("sts:AssumeRole"), MaxSessionDuration=7200)
    creds = assume(role, DurationSeconds=7200)
    with refused("ValidationError", "exceeds the MaxSessionDuration set for this role"):
        assume(role, DurationSeconds=7201)
    with refused("ValidationError", "exceeds the 1 hour session limit for roles assumed by role chaining"):
        assume(role, client("sts", creds), DurationSeconds=3601)
    assume(role, client("sts", creds), DurationSeconds=3600)
    with refused("ValidationError", "durationSeconds"):
        unchecked("sts").assume_role(RoleArn=role, RoleSessionName="session", DurationSeconds=60)


def test_session_token():
    _, key = make_user(allow("iam:ListUsers"), allow("sts:*"))
    creds = client("sts", key).get_session_token(DurationSeconds=900)["Credentials"]
    assert creds["AccessKeyId"].startswith("ASIA")
    assert client("sts", creds).get_caller_identity()["Arn"].startswith(f"arn:aws:iam::{account()}:user/")
    with refused("AccessDenied", "Cannot call GetSessionToken with session credentials"):
        client("sts", creds).get_session_token()
    with refused("InvalidClientTokenId"):
        client("iam", creds).list_users()
    with refused("InvalidClientTokenId"):
        client("sts", creds).get_access_key_info(AccessKeyId=key["AccessKeyId"])


def test_federation_token():
    _, key = make_user(allow(["sts:GetFederationToken", "sts:TagSession", "dynamodb:ListTables", "kms:ListKeys"]))
    answer = client("sts", key).get_federation_token(
        Name="browser", Policy=policy(allow("dynamodb:ListTables")), Tags=tags(TenantID="acme"), DurationSeconds=900)
    assert answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{account()}:federated-user/browser"
    creds = answer["Credentials"]
    client("dynamodb", creds).list_tables()
    with refused("InvalidClientTokenId"):
        client("iam", creds).list_users()
    with refused("AccessDeniedException"):
        client("kms", creds).list_keys()
    nothing = client("sts", key).get_federation_token(Name="browser")["Credentials"]
    with refused("AccessDeniedException"):
        client("dynamodb", nothing).list_tables()


def test_access_key_info():
    _, key = make_user()
    assert client("sts").get_access_key_info(AccessKeyId=key["AccessKeyId"])["Account"] == account()
    assert client("sts").get_access_key_info(AccessKeyId=assume(make_role())["AccessKeyId"])["Account"] == account()


def test_denials_are_explained_to_operators_only():
    name, key = make_user(deny("iam:ListUsers", Sid="NoListing"))
    try:
        client("iam", key).list_users()
        raise AssertionError("allowed")
    except client("iam").exceptions.ClientError as e:
        message = e.response["Error"]["Message"]
    assert "NoListing" not in message
    encoded = message.split("Encoded authorization failure message: ")[1]
    with refused("AccessDenied"):
        client("sts", key).decode_authorization_message(EncodedMessage=encoded)
    decoded = json.loads(operator("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert decoded["allowed"] is False and decoded["explicitDeny"] is True
    assert decoded["context"]["principal"]["arn"].endswith(f":user/{name}") and decoded["context"]["action"] == "iam:ListUsers"
    assert "NoListing" in json.dumps(decoded["explanation"])
    with refused("InvalidAuthorizationMessageException", "Message is invalid"):
        operator("sts").decode_authorization_message(EncodedMessage=encoded[:-4] + "AAAA")


@pytest.fixture(scope="module")
def issuer():
    i = Issuer()
    client("iam").create_open_id_connect_provider(Url=i.url, ClientIDList=["app"], ThumbprintList=["0" * 40])
    yield i
    i.close()


def web_role(issuer, *statements):
    return make_role(
        trust({"Federated": f"arn:aws:iam::{account()}:oidc-provider/{issuer.host}"}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
              Condition={"StringEquals": {f"{issuer.host}:aud": "app"}}),
        *statements,
    )


def by_token(role, token, **more):
    return unsigned("sts").assume_role_with_web_identity(RoleArn=role, RoleSessionName="web", WebIdentityToken=token, **more)


def test_web_identity_of_an_outside_issuer(issuer):
    role = web_role(issuer, allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/TenantID": "acme"}}))
    answer = by_token(role, issuer.token())
    assert answer["SubjectFromWebIdentityToken"] == "user-1" and answer["Audience"] == "app"
    assert answer["Provider"] == f"arn:aws:iam::{account()}:oidc-provider/{issuer.host}"
    with refused("AccessDenied"):
        client("iam", answer["Credentials"]).list_users()
    for claims in (
        {"https://aws.amazon.com/tags": {"principal_tags": {"TenantID": ["acme"]}, "transitive_tag_keys": ["TenantID"]}},
        {"https://aws.amazon.com/tags/principal_tags/TenantID": "acme"},
    ):
        client("iam", by_token(role, issuer.token(**claims))["Credentials"]).list_users()
    with refused("AccessDenied"):
        other = {"https://aws.amazon.com/tags": {"principal_tags": {"TenantID": ["globex"]}}}
        client("iam", by_token(role, issuer.token(**other))["Credentials"]).list_users()


def test_web_identity_tokens_that_do_not_hold(issuer):
    role = web_role(issuer)
    with refused("InvalidIdentityToken"):
        by_token(role, issuer.token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048)))
    with refused("InvalidIdentityToken", "Incorrect token audience"):
        by_token(role, issuer.token(aud="other"))
    with refused("ExpiredTokenException"):
        by_token(role, issuer.token(iat=1000, exp=2000))
    with refused("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://nobody.example.com"):
        by_token(role, issuer.token(iss="https://nobody.example.com"))
    with refused("InvalidIdentityToken"):
        by_token(role, "not.a.token")
    head, body, _ = issuer.token().split(".")
    with refused("InvalidIdentityToken"):
        by_token(role, f"{head}.{body}.")
    with refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        by_token(make_role(), issuer.token())
