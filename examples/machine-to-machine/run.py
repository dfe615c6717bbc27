"""Sets up a pool with an app client per tenant and the API, then calls the API as machines do; fails if a tenant crosses."""

import base64
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request

import api
import boto3
import jwt

operator = boto3.Session()
idp, iam, ddb = operator.client("cognito-idp"), operator.client("iam"), operator.client("dynamodb")
account = operator.client("sts").get_caller_identity()["Account"]
run = secrets.token_hex(4)  # in names, so that the example can run again on the same server


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]})


def make_table(name, *keys, **more):
    ddb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        KeySchema=[{"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"))], **more)
    ddb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return f"arn:aws:dynamodb:{operator.region_name}:{account}:table/{name}"


def make_pool():
    pool = idp.create_user_pool(PoolName=f"machines-{run}")["UserPool"]["Id"]
    idp.create_resource_server(UserPoolId=pool, Identifier="orders", Name="Orders", Scopes=[
        {"ScopeName": "read", "ScopeDescription": "Read orders"}, {"ScopeName": "write", "ScopeDescription": "Make orders"}])
    with urllib.request.urlopen(f"{idp.meta.endpoint_url}/{pool}/.well-known/openid-configuration") as answer:
        return pool, json.load(answer)


def make_client(pool, tenant, *scopes):
    """An app client for a machine of the tenant, and its row in the table of clients."""
    made = idp.create_user_pool_client(
        UserPoolId=pool, ClientName=tenant, GenerateSecret=True, AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"], AllowedOAuthScopes=list(scopes))["UserPoolClient"]
    ddb.put_item(TableName=f"clients-{run}", Item={"client_id": {"S": made["ClientId"]}, "tenant": {"S": tenant}})
    return made["ClientId"], made["ClientSecret"]


def make_service(clients_arn, orders_arn):
    """The API's own credentials, and the role that it assumes for a tenant."""
    name, role = f"orders-api-{run}", f"orders-{run}"
    user = iam.create_user(UserName=name)["User"]["Arn"]
    trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": user}, "Action": ["sts:AssumeRole", "sts:TagSession"]}}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="rows", PolicyDocument=policy({
        "Action": ["dynamodb:Query", "dynamodb:PutItem"], "Resource": orders_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/TenantID}"]}}}))
    iam.put_user_policy(UserName=name, PolicyName="api", PolicyDocument=policy(
        {"Action": "dynamodb:GetItem", "Resource": clients_arn}, {"Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": arn}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.Session(key["AccessKeyId"], key["SecretAccessKey"]), arn


def post(url, data, headers):
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as e:
        return e.code, json.load(e)


def token(found, client, **more):
    """The answer of the token endpoint to a machine's request (RFC 6749, section 4.4)."""
    basic = base64.b64encode(":".join(client).encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials", **more}).encode()
    return post(found["token_endpoint"], form, {"Authorization": f"Basic {basic}"})[1]


def expect(what, got, want):
    print(f"{'ok  ' if got == want else 'FAIL'} {what}: {got}")
    if got != want:
        raise SystemExit(f"want {want}")


pool, found = make_pool()
clients_arn = make_table(f"clients-{run}", "client_id")
orders_arn = make_table(f"orders-{run}", "tenant", "id", Tags=[{"Key": "bulkhead:owner-key", "Value": "${tenant}"}])
service, role = make_service(clients_arn, orders_arn)
server, url = api.serve(api.Orders(service, found["issuer"], found["jwks_uri"], f"clients-{run}", f"orders-{run}", role))

acme = make_client(pool, "acme", "orders/read", "orders/write")
acme_reports = make_client(pool, "acme", "orders/read")  # a second consumer of the same tenant, which only reads
globex = make_client(pool, "globex", "orders/read", "orders/write")


def call(bearer, body=None):
    data = None if body is None else json.dumps(body).encode()
    return post(url, data, {"Authorization": f"Bearer {bearer}"})


def bearer(client):
    return token(found, client)["access_token"]


expect("acme makes an order", call(bearer(acme), {"id": "1", "item": "anvil"})[0], 201)
expect("globex makes an order, and says it is acme's", call(bearer(globex), {"id": "2", "tenant": "acme"})[1]["tenant"], "globex")
expect("acme reads its own orders", [o["id"] for o in call(bearer(acme))[1]], ["1"])
expect("globex reads its own orders", [o["id"] for o in call(bearer(globex))[1]], ["2"])
expect("acme's second client reads the same", [o["id"] for o in call(bearer(acme_reports))[1]], ["1"])
expect("but may not make any", call(bearer(acme_reports), {"id": "3"}), (403, {"error": "insufficient_scope"}))
expect("nor get the scope", token(found, acme_reports, scope="orders/write")["error"], "invalid_scope")
expect("a token of one scope does not do for another",
       call(token(found, acme, scope="orders/read")["access_token"], {"id": "3"})[0], 403)
expect("a wrong secret gets no token", token(found, (acme[0], globex[1]))["error"], "invalid_client")

head, body, signature = bearer(globex).split(".")
claims = json.loads(base64.urlsafe_b64decode(body + "=="))
forged = base64.urlsafe_b64encode(json.dumps({**claims, "client_id": acme[0], "sub": acme[0]}).encode()).decode().rstrip("=")
expect("a token changed to acme's client is refused", call(f"{head}.{forged}.{signature}")[0], 401)
expect("so is one without a signature", call(jwt.encode({**claims, "client_id": acme[0]}, None, algorithm="none"))[0], 401)
other_pool, other = make_pool()
idp_client = make_client(other_pool, "acme", "orders/read")
expect("and one of another pool, even with a client in the table", call(token(other, idp_client)["access_token"])[0], 401)

try:
    service.resource("dynamodb").Table(f"orders-{run}").get_item(Key={"tenant": "acme", "id": "1"})
    raise SystemExit("FAIL the API's own credentials read an order")
except ddb.exceptions.ClientError as e:
    expect("the API's own credentials read no order", e.response["Error"]["Code"], "AccessDeniedException")
try:
    api.Orders.rows_of(api.Orders(service, "", "", f"clients-{run}", f"orders-{run}", role), "globex").put_item(Item={"tenant": "acme", "id": "4"})
    raise SystemExit("FAIL credentials for globex wrote acme's row")
except ddb.exceptions.ClientError as e:
    expect("credentials for globex write no row of acme's", e.response["Error"]["Code"], "AccessDeniedException")
server.shutdown()
