"""The policies that real deployments use, as they write them, used on the own tenant's data and on another's."""

import json

import pytest
from issuer import Issuer
from support import REGION, account, allow, assume, client, make_role, make_user, operator, policy, refused, role_arn, trust, unique, unsigned
from test_dynamodb import key, make_table, s
from test_organizations import make_account

kms, iam, ddb = client("kms"), client("iam"), client("dynamodb")


def tagged(role, tenant, sts=None):
    return assume(role, sts, Tags=[{"Key": "TenantID", "Value": tenant}])


@pytest.fixture(scope="module")
def table():
    name = make_table()
    for pk in ("acme", "globex", "acme#orders", "globex#orders", "PUBLIC#news", "acme-1", "T#acme#1", "T#globex#1"):
        ddb.put_item(TableName=name, Item={**key(pk), "kind": s("row")})
    return name


def table_arn(table):
    return f"arn:aws:dynamodb:{REGION}:{account()}:table/{table}"


# S21: client-side encryption in a pooled table


@pytest.fixture(scope="module")
def s21(table):
    """The execution role's STS client, the role that it assumes for a tenant, and the key."""
    master = kms.create_key()["KeyMetadata"]["Arn"]
    name, execution_name = unique("data"), unique("execution")
    execution = make_role(None, allow("sts:AssumeRole", role_arn(name)), name=execution_name)
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": execution}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": execution}, "Action": "sts:TagSession",
         "Condition": {"StringLike": {"aws:RequestTag/TenantID": "*"}}},
    ]}
    role = make_role(
        json.dumps(document),
        allow(["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem"], table_arn(table),
              Condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/TenantID}"]}}),
        allow(["kms:Decrypt", "kms:GenerateDataKey"], master,
              Condition={"StringEquals": {"kms:EncryptionContext:tenant_id": "${aws:PrincipalTag/TenantID}"}}),
        name=name,
    )
    return client("sts", assume(execution)), role, master, assume(execution)


def test_s21_rows(table, s21):
    sts, role, _, _ = s21
    acme = client("dynamodb", tagged(role, "acme", sts))
    acme.describe_table(TableName=table)
    acme.put_item(TableName=table, Item=key("acme", "s21"))
    assert acme.get_item(TableName=table, Key=key("acme", "s21"))["Item"]
    for other in ("globex", "acme#orders", "Acme"):
        with refused("AccessDeniedException"):
            acme.get_item(TableName=table, Key=key(other))
        with refused("AccessDeniedException"):
            acme.put_item(TableName=table, Item=key(other))
    for denied in (lambda: acme.delete_item(TableName=table, Key=key("acme")), lambda: acme.scan(TableName=table)):
        with refused("AccessDeniedException"):
            denied()


def test_s21_keys(s21):
    sts, role, master, _ = s21
    acme, globex = (client("kms", tagged(role, t, sts)) for t in ("acme", "globex"))
    made = acme.generate_data_key(KeyId=master, KeySpec="AES_256", EncryptionContext={"tenant_id": "acme"})
    sealed = made["CiphertextBlob"]
    assert acme.decrypt(CiphertextBlob=sealed, EncryptionContext={"tenant_id": "acme"})["Plaintext"] == made["Plaintext"]
    for context in ({"tenant_id": "acme"}, {"tenant_id": "globex"}, {}):
        with refused("AccessDeniedException" if context != {"tenant_id": "globex"} else "InvalidCiphertextException"):
            globex.decrypt(CiphertextBlob=sealed, EncryptionContext=context)
    with refused("AccessDeniedException"):
        acme.generate_data_key(KeyId=master, KeySpec="AES_256", EncryptionContext={"tenant_id": "globex"})
    # names of context keys compare without regard to case, values exactly
    acme.generate_data_key(KeyId=master, KeySpec="AES_256", EncryptionContext={"Tenant_ID": "acme"})
    with refused("AccessDeniedException"):
        acme.generate_data_key(KeyId=master, KeySpec="AES_256", EncryptionContext={"tenant_id": "ACME"})
    with refused("AccessDeniedException"):
        acme.encrypt(KeyId=master, Plaintext=b"x", EncryptionContext={"tenant_id": "acme"})


def test_s21_trust(table, s21):
    sts, role, master, execution = s21
    with refused("AccessDenied"):  # only the execution role may
        tagged(role, "acme")
    untagged = client("dynamodb", assume(role, sts))
    with refused("AccessDeniedException"):  # no tag, no row: the variable has no value
        untagged.get_item(TableName=table, Key=key("acme"))
    # the execution role itself reaches no data
    with refused("AccessDeniedException"):
        client("dynamodb", execution).get_item(TableName=table, Key=key("acme"))
    with refused("AccessDeniedException"):
        client("kms", execution).generate_data_key(KeyId=master, KeySpec="AES_256", EncryptionContext={"tenant_id": "acme"})
    with refused("AccessDenied"):
        assume(make_role(), client("sts", execution))
    with refused("ValidationError"):  # a tag is no pattern
        tagged(role, "*", sts)


# S6: a key per tenant, across accounts

S6_ACTIONS = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"]


@pytest.fixture(scope="module")
def s6():
    """Service B, in an account of its own, which assumes service A's role here; aliases and keys of two tenants."""
    b = make_account()
    in_b = client("iam", assume(f"arn:aws:iam::{b}:role/OrganizationAccountAccessRole"))
    a_name, b_name = unique("ServiceARole"), unique("ServiceBRole")
    b_role = make_role(trust({"AWS": f"arn:aws:iam::{b}:root"}), allow("sts:AssumeRole", role_arn(a_name)), name=b_name, iam=in_b)
    a_role = make_role(trust({"AWS": b_role}), allow(S6_ACTIONS, Condition={"StringLike": {"kms:RequestAlias": "alias/customer-*"}}), name=a_name)
    suffix = unique("t")
    keys = {}
    for tenant in ("acme", "globex"):
        alias = f"alias/customer-{tenant}-{suffix}"
        document = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account()}:root"}, "Action": ["kms:Create*", "kms:Describe*", "kms:Put*", "kms:ScheduleKeyDeletion", "kms:DeleteAlias"], "Resource": "*"},
            {"Effect": "Allow", "Principal": {"AWS": a_role}, "Action": S6_ACTIONS, "Resource": "*",
             "Condition": {"StringLike": {"kms:RequestAlias": alias}}},
        ]}
        made = kms.create_key(Policy=json.dumps(document))["KeyMetadata"]
        kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
        keys[tenant] = (alias, made["Arn"])
    # service B as it runs: a user of account B stands in for its compute, and takes B's role
    in_b.create_user(UserName="service")
    in_b.put_user_policy(UserName="service", PolicyName="p", PolicyDocument=policy(allow("sts:AssumeRole")))
    secret = in_b.create_access_key(UserName="service")["AccessKey"]
    b_session = assume(b_role, client("sts", {**secret, "SessionToken": None}))

    def for_tenant(tenant):
        alias = keys[tenant][0]
        limited = policy(allow(S6_ACTIONS, Condition={"StringEquals": {"kms:RequestAlias": alias}}))
        return client("kms", assume(a_role, client("sts", b_session), Policy=limited))

    return for_tenant, keys, a_role, b_session


def test_s6_own_alias_only(s6):
    for_tenant, keys, a_role, _ = s6
    acme = for_tenant("acme")
    own, own_arn = keys["acme"]
    other, other_arn = keys["globex"]
    by_arn = f"arn:aws:kms:{REGION}:{account()}:{own}"
    sealed = acme.encrypt(KeyId=own, Plaintext=b"x", EncryptionContext={"service": "b"})["CiphertextBlob"]
    assert acme.decrypt(KeyId=own, CiphertextBlob=sealed, EncryptionContext={"service": "b"})["Plaintext"] == b"x"
    acme.generate_data_key(KeyId=by_arn, KeySpec="AES_256")
    acme.generate_data_key_without_plaintext(KeyId=own, KeySpec="AES_256")
    for target in (other, f"arn:aws:kms:{REGION}:{account()}:{other}", other_arn, own_arn):
        with refused("AccessDeniedException"):
            acme.encrypt(KeyId=target, Plaintext=b"x")
    with refused("AccessDeniedException"):  # the request names no alias
        acme.decrypt(CiphertextBlob=sealed, EncryptionContext={"service": "b"})
    with refused("InvalidCiphertextException"):  # the context keeps services apart
        acme.decrypt(KeyId=own, CiphertextBlob=sealed, EncryptionContext={"service": "c"})
    globex = for_tenant("globex")
    with refused("AccessDeniedException"):
        globex.decrypt(KeyId=own, CiphertextBlob=sealed, EncryptionContext={"service": "b"})
    with refused("IncorrectKeyException"):
        globex.decrypt(KeyId=other, CiphertextBlob=sealed, EncryptionContext={"service": "b"})


def test_s6_roles_are_for_service_b(s6):
    _, keys, a_role, b_session = s6
    with refused("AccessDenied"):
        assume(a_role)
    with refused("AccessDeniedException"):  # B's own role reaches no key
        client("kms", b_session).encrypt(KeyId=f"arn:aws:kms:{REGION}:{account()}:{keys['acme'][0]}", Plaintext=b"x")
    with refused("AccessDeniedException"):  # the account's own users neither
        operator("kms").encrypt(KeyId=keys["acme"][0], Plaintext=b"x")


# S15: tags in the token


@pytest.fixture(scope="module")
def s15():
    issuer = Issuer()
    iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["audience"], ThumbprintList=["0" * 40])
    yield issuer
    issuer.close()


def test_s15(s15):
    bucket = unique("bucket")
    role = make_role(
        trust({"Federated": f"arn:aws:iam::{account()}:oidc-provider/{s15.host}"}, ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
              Condition={"StringEquals": {f"{s15.host}:aud": "audience"}}),
        allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/TenantID}}/*"),
        allow("iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/TenantID": "acme"}}),
    )
    nested = {"https://aws.amazon.com/tags": {"principal_tags": {"TenantID": ["acme"]}, "transitive_tag_keys": ["TenantID"]}}
    flat = {"https://aws.amazon.com/tags/principal_tags/TenantID": "acme"}
    for claims in (nested, flat):
        got = unsigned("sts").assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="user", WebIdentityToken=s15.token(aud="audience", **claims))
        client("iam", got["Credentials"]).list_users()
    with refused("InvalidIdentityToken"):
        unsigned("sts").assume_role_with_web_identity(RoleArn=role, RoleSessionName="user", WebIdentityToken=s15.token(aud="else", **nested))
    several = {"https://aws.amazon.com/tags": {"principal_tags": {"TenantID": ["acme", "globex"]}}}
    with refused("InvalidIdentityToken"):
        unsigned("sts").assume_role_with_web_identity(RoleArn=role, RoleSessionName="user", WebIdentityToken=s15.token(aud="audience", **several))

    def decision(tenant, resource):
        entries = [{"ContextKeyName": "aws:PrincipalTag/TenantID", "ContextKeyType": "string", "ContextKeyValues": [tenant]}] if tenant else []
        (result,) = iam.simulate_principal_policy(
            PolicySourceArn=role, ActionNames=["s3:GetObject"], ResourceArns=[f"arn:aws:s3:::{bucket}/{resource}"], ContextEntries=entries,
        )["EvaluationResults"]
        return result["EvalDecision"]

    assert decision("acme", "acme/report.pdf") == "allowed"
    assert decision("acme", "globex/report.pdf") == "implicitDeny"
    assert decision("acme", "acme2/report.pdf") == "implicitDeny"
    assert decision("*", "globex/report.pdf") == "implicitDeny"
    assert decision(None, "/report.pdf") == "implicitDeny"


# S3's gateway statement, which is evaluated by simulation until there is a gateway


def test_s3_routes_are_bound_to_the_tag():
    statement = allow("execute-api:Invoke", f"arn:aws:execute-api:{REGION}:{account()}:api1/$default/GET/${{aws:PrincipalTag/org}}/*")

    def decision(org, path, method="GET"):
        entries = [{"ContextKeyName": "aws:PrincipalTag/org", "ContextKeyType": "string", "ContextKeyValues": [org]}] if org else []
        (result,) = iam.simulate_custom_policy(
            PolicyInputList=[policy(statement)], ActionNames=["execute-api:Invoke"], ContextEntries=entries,
            ResourceArns=[f"arn:aws:execute-api:{REGION}:{account()}:api1/$default/{method}/{path}"])["EvaluationResults"]
        return result["EvalDecision"]

    assert decision("acme", "acme/orders") == "allowed"
    assert decision("acme", "globex/orders") == "implicitDeny"
    assert decision("acme", "acme/orders", "POST") == "implicitDeny"
    assert decision(None, "/orders") == "implicitDeny"


# Session policies seen in the field


@pytest.mark.parametrize("pattern, own, other", [("acme-*", "acme-1", "globex"), ("T#acme#*", "T#acme#1", "T#globex#1")])
def test_session_policy_of_leading_keys(table, pattern, own, other):
    role = make_role(None, allow("dynamodb:*", "*"))
    limited = policy(allow(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:BatchGetItem"],
                           f"arn:aws:dynamodb:{REGION}:{account()}:table/*",
                           Condition={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [pattern]}}))
    rows = client("dynamodb", assume(role, Policy=limited))
    assert rows.get_item(TableName=table, Key=key(own))["Item"]
    with refused("AccessDeniedException", "because no session policy allows the dynamodb:GetItem action"):
        rows.get_item(TableName=table, Key=key(other))
    with refused("AccessDeniedException"):
        rows.batch_get_item(RequestItems={table: {"Keys": [key(own), key(other)]}})
    with refused("AccessDeniedException"):
        rows.delete_item(TableName=table, Key=key(own))


def test_session_policy_of_a_bucket():
    limited = policy(
        allow("s3:ListBucket", "arn:aws:s3:::b", Condition={"StringLike": {"s3:prefix": ["t", "t/", "t/*"]}}),
        allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::b/t/*"),
    )

    def decision(action, resource, prefix=None):
        entries = [{"ContextKeyName": "s3:prefix", "ContextKeyType": "string", "ContextKeyValues": [prefix]}] if prefix is not None else []
        (result,) = iam.simulate_custom_policy(PolicyInputList=[limited], ActionNames=[action], ResourceArns=[resource], ContextEntries=entries)["EvaluationResults"]
        return result["EvalDecision"]

    assert decision("s3:ListBucket", "arn:aws:s3:::b", "t/x") == "allowed"
    assert decision("s3:ListBucket", "arn:aws:s3:::b", "u/x") == "implicitDeny"
    assert decision("s3:ListBucket", "arn:aws:s3:::b") == "implicitDeny"
    assert decision("s3:GetObject", "arn:aws:s3:::b/t/x") == "allowed"
    assert decision("s3:GetObject", "arn:aws:s3:::b/u/x") == "implicitDeny"


def test_deny_to_all_but_one_principal(table):
    one = make_role(None, allow("dynamodb:GetItem", "*"))
    two = make_role(None, allow("dynamodb:GetItem", "*"), {
        "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalArn": one}}})
    iam.put_role_policy(RoleName=one.split("/")[-1], PolicyName="deny", PolicyDocument=policy({
        "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalArn": one}}}))
    client("dynamodb", assume(one)).get_item(TableName=table, Key=key("acme"))
    with refused("AccessDeniedException", "with an explicit deny in an identity-based policy"):
        client("dynamodb", assume(two)).get_item(TableName=table, Key=key("acme"))


def test_secure_transport(table):
    role = make_role(None, allow("dynamodb:GetItem", "*"), {
        "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    with refused("AccessDeniedException", "with an explicit deny"):
        client("dynamodb", assume(role)).get_item(TableName=table, Key=key("acme"))


def test_transitive_tag_keys_in_trust():
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": account()}, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": {
            "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["TenantID"]}, "StringEquals": {"sts:ExternalId": "id-1"}}}]}
    role = make_role(json.dumps(document))
    tags = [{"Key": "TenantID", "Value": "acme"}, {"Key": "Other", "Value": "x"}]
    assume(role, Tags=tags, TransitiveTagKeys=["TenantID"], ExternalId="id-1")
    with refused("AccessDenied"):
        assume(role, Tags=tags, TransitiveTagKeys=["TenantID", "Other"], ExternalId="id-1")
    with refused("AccessDenied"):
        assume(role, Tags=tags, TransitiveTagKeys=["TenantID"])


def test_resource_tags_of_keys_and_tables(table):
    arn = table_arn(make_table(Tags=[{"Key": "name", "Value": "acme"}]))
    name = arn.split("/")[-1]
    _, creds = make_user(allow(["dynamodb:GetItem", "dynamodb:DescribeTable"], Condition={"StringEquals": {"aws:ResourceTag/name": "acme"}}))
    mine = client("dynamodb", creds)
    mine.get_item(TableName=name, Key=key("x"))
    with refused("AccessDeniedException"):
        mine.get_item(TableName=table, Key=key("acme"))
