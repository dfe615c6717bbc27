"""Sets up the table, the key, the roles and the users, then calls the application as two tenants; fails if one crosses."""

import json
import secrets
import urllib.error
import urllib.request

import app
import boto3
from botocore.exceptions import ClientError

operator = boto3.Session()
idp, iam, ddb, kms, sts = (operator.client(s) for s in ("cognito-idp", "iam", "dynamodb", "kms", "sts"))
account = sts.get_caller_identity()["Account"]
run = secrets.token_hex(4)  # in names, so that the example can run again on the same server
PASSWORD = "Correct-Horse-" + secrets.token_hex(4)


def make_role(name, trust, *statements):
    document = {"Version": "2012-10-17", "Statement": trust}
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return arn


def make_table():
    name = f"tenants-{run}"
    ddb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "tenant_id", "AttributeType": "S"}],
                     KeySchema=[{"AttributeName": "tenant_id", "KeyType": "HASH"}])
    ddb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name, f"arn:aws:dynamodb:{operator.region_name}:{account}:table/{name}"


def make_compute():
    """What the application runs on, with an execution role; on AWS this is Lambda's part."""
    name, data = f"compute-{run}", f"arn:aws:iam::{account}:role/data-{run}"
    user = iam.create_user(UserName=name)["User"]["Arn"]
    execution = make_role(f"execution-{run}", {"Effect": "Allow", "Principal": {"AWS": user}, "Action": "sts:AssumeRole"},
                          {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": data})
    iam.put_user_policy(UserName=name, PolicyName="assume", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": execution}}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    made = boto3.client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]).assume_role(
        RoleArn=execution, RoleSessionName="app")["Credentials"]
    return execution, boto3.Session(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def make_data_role(execution, table_arn, key_arn):
    """One role for all tenants: the table and the key each compare what is asked for with the session's tag."""
    return make_role(
        f"data-{run}",
        [{"Effect": "Allow", "Principal": {"AWS": execution}, "Action": "sts:AssumeRole"},
         {"Effect": "Allow", "Principal": {"AWS": execution}, "Action": "sts:TagSession",
          "Condition": {"StringLike": {"aws:RequestTag/TenantID": "*"}}}],
        {"Effect": "Allow", "Action": ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem"], "Resource": table_arn,
         "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/TenantID}"]}}},
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": key_arn,
         "Condition": {"StringEquals": {"kms:EncryptionContext:tenant_id": "${aws:PrincipalTag/TenantID}"}}})


def make_users():
    """A user of each tenant; returns the pool, its client and their ID tokens."""
    pool = idp.create_user_pool(PoolName=f"people-{run}", Schema=[{"Name": "tenant_id", "AttributeDataType": "String", "Mutable": False}],
                                UserPoolTags={"bulkhead:tenant-attribute": "custom:tenant_id"})["UserPool"]["Id"]
    client = idp.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])["UserPoolClient"]["ClientId"]
    tokens = {}
    for tenant in ("acme", "globex"):
        idp.admin_create_user(UserPoolId=pool, Username=tenant, MessageAction="SUPPRESS", UserAttributes=[{"Name": "custom:tenant_id", "Value": tenant}])
        idp.admin_set_user_password(UserPoolId=pool, Username=tenant, Password=PASSWORD, Permanent=True)
        tokens[tenant] = idp.initiate_auth(ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": tenant, "PASSWORD": PASSWORD})[
            "AuthenticationResult"]["IdToken"]
    with urllib.request.urlopen(f"{idp.meta.endpoint_url}/{pool}/.well-known/openid-configuration") as answer:
        return json.load(answer), client, tokens


def expect(what, got, want):
    print(f"{'ok  ' if got == want else 'FAIL'} {what}: {got}")
    if got != want:
        raise SystemExit(f"want {want}")


def refusal(call, **parameters):
    try:
        call(**parameters)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "was allowed"


table, table_arn = make_table()
key = kms.create_key(Description="one key for all tenants")["KeyMetadata"]["Arn"]
execution_role, execution = make_compute()
data_role = make_data_role(execution_role, table_arn, key)
tenants = app.Tenants(execution, data_role, table, key)
found, client, tokens = make_users()
server, url = app.serve(tenants, found["issuer"], found["jwks_uri"], client)


def call(tenant, path, body=None):
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(), {"Authorization": f"Bearer {tokens[tenant]}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


expect("acme writes its record", call("acme", "/tenant/acme", {"iban": "XX00"})[0], 201)
expect("and again: POST overwrites", call("acme", "/tenant/acme", {"iban": "XX12"})[0], 201)
expect("acme reads it", call("acme", "/tenant/acme"), (200, {"iban": "XX12"}))
expect("globex has none", call("globex", "/tenant/globex")[0], 404)
expect("globex writes its own", call("globex", "/tenant/globex", {"iban": "YY34"})[0], 201)
expect("globex does not read acme's: the data store says no", call("globex", "/tenant/acme"), (403, {"error": "access_denied", "operation": "GetItem"}))
expect("globex does not write acme's: the key service says no", call("globex", "/tenant/acme", {}), (403, {"error": "access_denied", "operation": "GenerateDataKey"}))

stored = ddb.get_item(TableName=table, Key={"tenant_id": {"S": "acme"}})["Item"]
expect("what is stored is ciphertext", [*stored["record"]], ["B"])
expect("without the record in it", b"XX12" in json.dumps(stored, default=bytes.hex).encode() + stored["record"]["B"], False)
ddb.put_item(TableName=table, Item={**stored, "tenant_id": {"S": "globex"}})
expect("acme's ciphertext in globex's row is not decrypted", call("globex", "/tenant/globex"), (422, {"error": "not_decrypted"}))

acme, globex = tenants.session("acme"), tenants.session("globex")
context = {"tenant_id": "acme"}
data_key = acme.client("kms").generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)["CiphertextBlob"]
expect("each alone: the key service refuses acme's data key to globex",
       refusal(globex.client("kms").decrypt, CiphertextBlob=data_key, EncryptionContext=context), "AccessDeniedException")
expect("and the data store acme's row", refusal(globex.client("dynamodb").put_item, TableName=table, Item={"tenant_id": {"S": "acme"}}), "AccessDeniedException")
expect("the execution role itself reaches no row",
       refusal(execution.client("dynamodb").get_item, TableName=table, Key={"tenant_id": {"S": "acme"}}), "AccessDeniedException")
expect("and no key", refusal(execution.client("kms").decrypt, CiphertextBlob=data_key, EncryptionContext=context), "AccessDeniedException")
untagged = execution.client("sts").assume_role(RoleArn=data_role, RoleSessionName="untagged")["Credentials"]
expect("the role without a tag reaches no row", refusal(
    boto3.client("dynamodb", aws_access_key_id=untagged["AccessKeyId"], aws_secret_access_key=untagged["SecretAccessKey"],
                 aws_session_token=untagged["SessionToken"]).get_item, TableName=table, Key={"tenant_id": {"S": "acme"}}), "AccessDeniedException")
server.shutdown()
