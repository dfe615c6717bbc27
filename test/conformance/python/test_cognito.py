"""Cognito user pools through boto3: pools, clients, users, sign-in by password and by SRP, tokens, groups, errors."""

import base64
import hmac
import json

import jwt
import pytest
import srp
from support import REGION, allow, client, endpoint, get, make_user, refused, unique, unsigned

idp = client("cognito-idp")
user = unsigned("cognito-idp")  # what an application does needs no credentials

PASSWORD = "Correct-Horse-9-Battery"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"]


def make_pool(**more):
    made = idp.create_user_pool(
        PoolName=unique("pool"),
        Schema=[
            {"Name": "tenant_id", "AttributeDataType": "String", "Mutable": False},
            {"Name": "plan", "AttributeDataType": "String", "Mutable": True, "StringAttributeConstraints": {"MaxLength": "10"}},
        ],
        UserPoolTags={"bulkhead:session-tags": "TenantID=custom:tenant_id", "bulkhead:tenant-attribute": "custom:tenant_id"},
        **more,
    )["UserPool"]
    return made["Id"]


def make_client(pool, **more):
    more.setdefault("ExplicitAuthFlows", FLOWS)
    return idp.create_user_pool_client(UserPoolId=pool, ClientName=unique("app"), **more)["UserPoolClient"]


def add_user(pool, name, tenant="acme", password=PASSWORD):
    idp.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=[
        {"Name": "email", "Value": f"{name}@example.com"}, {"Name": "email_verified", "Value": "true"}, {"Name": "custom:tenant_id", "Value": tenant}])
    idp.admin_set_user_password(UserPoolId=pool, Username=name, Password=password, Permanent=True)


def by_password(app, name, password=PASSWORD):
    return user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app, AuthParameters={"USERNAME": name, "PASSWORD": password})["AuthenticationResult"]


@pytest.fixture(scope="module")
def pool():
    return make_pool()


@pytest.fixture(scope="module")
def app(pool):
    return make_client(pool)["ClientId"]


@pytest.fixture(scope="module")
def alice(pool):
    name = unique("alice")
    add_user(pool, name)
    return name


def test_pool(pool):
    d = idp.describe_user_pool(UserPoolId=pool)["UserPool"]
    assert pool.startswith(REGION + "_") and d["Arn"].endswith(f":userpool/{pool}")
    schema = {a["Name"]: a for a in d["SchemaAttributes"]}
    assert schema["custom:tenant_id"]["Mutable"] is False and "sub" in schema
    assert pool in {p["Id"] for page in idp.get_paginator("list_user_pools").paginate(MaxResults=10) for p in page["UserPools"]}
    with refused("ResourceNotFoundException", f"User pool {REGION}_000000000 does not exist."):
        idp.describe_user_pool(UserPoolId=f"{REGION}_000000000")
    _, key = make_user(allow("iam:*"))
    with refused("AccessDeniedException", "is not authorized to perform: cognito-idp:DescribeUserPool on resource: "):
        client("cognito-idp", key).describe_user_pool(UserPoolId=pool)


def test_clients(pool):
    made = make_client(pool, GenerateSecret=True)
    assert len(made["ClientId"]) == 26 and made["ClientSecret"]
    d = idp.describe_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"])["UserPoolClient"]
    assert sorted(d["ExplicitAuthFlows"]) == sorted(FLOWS)
    idp.update_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"], ClientName="renamed", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    with refused("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
        by_password(made["ClientId"], "x")
    idp.delete_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"])
    with refused("ResourceNotFoundException"):
        idp.describe_user_pool_client(UserPoolId=pool, ClientId=made["ClientId"])


def keys_of(pool):
    return {k["kid"]: jwt.PyJWK(k) for k in json.loads(get(f"{endpoint()}/{pool}/.well-known/jwks.json"))["keys"]}


def verified(token, pool, app, **more):
    key = keys_of(pool)[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key, algorithms=["RS256"], issuer=f"https://cognito-idp.{REGION}.amazonaws.com/{pool}", **more)


def test_discovery(pool):
    d = json.loads(get(f"{endpoint()}/{pool}/.well-known/openid-configuration"))
    assert d["issuer"] == f"https://cognito-idp.{REGION}.amazonaws.com/{pool}"
    assert d["jwks_uri"].endswith("/.well-known/jwks.json") and len(keys_of(pool)) == 2


def check_tokens(tokens, pool, app, name):
    claims = verified(tokens["IdToken"], pool, app, audience=app)
    assert claims["token_use"] == "id" and claims["cognito:username"] == name and claims["custom:tenant_id"] == "acme"
    assert claims["email"] == f"{name}@example.com" and claims["email_verified"] is True
    assert claims["https://aws.amazon.com/tags"] == {"principal_tags": {"TenantID": ["acme"]}, "transitive_tag_keys": ["TenantID"]}
    access = verified(tokens["AccessToken"], pool, app)
    assert access["token_use"] == "access" and access["client_id"] == app and access["sub"] == claims["sub"]
    assert "aud" not in access and "custom:tenant_id" not in access
    assert tokens["TokenType"] == "Bearer" and tokens["ExpiresIn"] == 3600


def test_password_sign_in(pool, app, alice):
    tokens = by_password(app, alice)
    check_tokens(tokens, pool, app, alice)
    got = user.get_user(AccessToken=tokens["AccessToken"])
    assert got["Username"] == alice
    with refused("NotAuthorizedException", "Incorrect username or password."):
        by_password(app, alice, "Wrong-Horse-9-Battery")
    with refused("UserNotFoundException", "User does not exist."):
        by_password(app, "nobody")
    with refused("ResourceNotFoundException", "User pool client 00000000000000000000000000 does not exist."):
        by_password("0" * 26, alice)


def test_srp_sign_in(pool, app, alice):
    tokens = srp.sign_in(user, pool, app, alice, PASSWORD)["AuthenticationResult"]
    check_tokens(tokens, pool, app, alice)
    with refused("NotAuthorizedException", "Incorrect username or password."):
        srp.sign_in(user, pool, app, alice, "Wrong-Horse-9-Battery")
    with refused("InvalidParameterException"):
        user.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=app, AuthParameters={"USERNAME": alice, "SRP_A": "0"})


def test_client_with_a_secret(pool, alice):
    made = make_client(pool, GenerateSecret=True)
    app, secret = made["ClientId"], made["ClientSecret"]
    sealed = base64.b64encode(hmac.digest(secret.encode(), (alice + app).encode(), "sha256")).decode()
    with refused("NotAuthorizedException", "is configured with secret but SECRET_HASH was not received"):
        by_password(app, alice)
    with refused("NotAuthorizedException", "SecretHash does not match|Unable to verify secret hash for client"):
        user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app, AuthParameters={"USERNAME": alice, "PASSWORD": PASSWORD, "SECRET_HASH": "AAAA"})
    got = user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app,
                             AuthParameters={"USERNAME": alice, "PASSWORD": PASSWORD, "SECRET_HASH": sealed})
    assert got["AuthenticationResult"]["IdToken"]
    sub = jwt.decode(got["AuthenticationResult"]["IdToken"], options={"verify_signature": False})["sub"]
    srp_hash = base64.b64encode(hmac.digest(secret.encode(), (alice + app).encode(), "sha256")).decode()
    assert sub and srp.sign_in(user, pool, app, alice, PASSWORD, srp_hash)["AuthenticationResult"]


def test_refresh_and_sign_out(pool, app):
    name = unique("bob")
    add_user(pool, name)
    tokens = by_password(app, name)
    refresh = {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": app, "AuthParameters": {"REFRESH_TOKEN": tokens["RefreshToken"]}}
    fresh = user.initiate_auth(**refresh)["AuthenticationResult"]
    assert "RefreshToken" not in fresh
    check_tokens(fresh, pool, app, name)
    with refused("NotAuthorizedException"):
        other = make_client(pool)["ClientId"]
        user.initiate_auth(**{**refresh, "ClientId": other})
    user.global_sign_out(AccessToken=tokens["AccessToken"])
    with refused("NotAuthorizedException", "Refresh Token has been revoked"):
        user.initiate_auth(**refresh)
    with refused("NotAuthorizedException", "Access Token has been revoked"):
        user.get_user(AccessToken=tokens["AccessToken"])


def test_the_tenant_attribute_is_the_operators(pool, app, alice):
    tokens = by_password(app, alice)
    with refused("NotAuthorizedException"):
        user.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=[{"Name": "custom:tenant_id", "Value": "globex"}])
    with refused("InvalidParameterException", "custom:tenant_id: Attribute cannot be updated."):
        idp.admin_update_user_attributes(UserPoolId=pool, Username=alice, UserAttributes=[{"Name": "custom:tenant_id", "Value": "globex"}])
    with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        user.sign_up(ClientId=app, Username=unique("eve"), Password=PASSWORD, UserAttributes=[{"Name": "custom:tenant_id", "Value": "globex"}])
    user.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=[{"Name": "custom:plan", "Value": "gold"}])
    with refused("InvalidParameterException"):
        user.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=[{"Name": "custom:plan", "Value": "x" * 11}])
    with refused("InvalidParameterException"):
        user.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=[{"Name": "custom:none", "Value": "x"}])


def test_sign_up():
    pool = make_pool(AutoVerifiedAttributes=["email"])
    app = make_client(pool)["ClientId"]
    name = unique("carol")
    user.sign_up(ClientId=app, Username=name, Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}])
    with refused("UserNotConfirmedException", "User is not confirmed."):
        by_password(app, name)
    with refused("CodeMismatchException"):
        user.confirm_sign_up(ClientId=app, Username=name, ConfirmationCode="000000")
    idp.admin_confirm_sign_up(UserPoolId=pool, Username=name)
    assert by_password(app, name)["IdToken"]
    with refused("UsernameExistsException", "User already exists"):
        user.sign_up(ClientId=app, Username=name, Password=PASSWORD)
    with refused("InvalidPasswordException", "Password did not conform with policy: Password not long enough"):
        user.sign_up(ClientId=app, Username=unique("dave"), Password="Aa1-")
    with refused("InvalidPasswordException", "Password did not conform with policy: Password must have numeric characters"):
        user.sign_up(ClientId=app, Username=unique("dave"), Password="Correct-Horse-Battery")


def test_temporary_password(pool, app):
    name = unique("erin")
    idp.admin_create_user(UserPoolId=pool, Username=name, TemporaryPassword="Temporary-1-Password", MessageAction="SUPPRESS",
                          UserAttributes=[{"Name": "custom:tenant_id", "Value": "acme"}])
    assert idp.admin_get_user(UserPoolId=pool, Username=name)["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    began = user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app, AuthParameters={"USERNAME": name, "PASSWORD": "Temporary-1-Password"})
    assert began["ChallengeName"] == "NEW_PASSWORD_REQUIRED" and "AuthenticationResult" not in began
    done = user.respond_to_auth_challenge(ClientId=app, ChallengeName="NEW_PASSWORD_REQUIRED", Session=began["Session"],
                                          ChallengeResponses={"USERNAME": name, "NEW_PASSWORD": PASSWORD})
    assert done["AuthenticationResult"]["IdToken"]
    assert idp.admin_get_user(UserPoolId=pool, Username=name)["UserStatus"] == "CONFIRMED"
    with refused("NotAuthorizedException"):
        by_password(app, name, "Temporary-1-Password")


def test_change_password(pool, app):
    name = unique("frank")
    add_user(pool, name)
    tokens = by_password(app, name)
    with refused("NotAuthorizedException", "Incorrect username or password."):
        user.change_password(AccessToken=tokens["AccessToken"], PreviousPassword="Wrong-Horse-9-Battery", ProposedPassword="Another-Horse-9-Battery")
    user.change_password(AccessToken=tokens["AccessToken"], PreviousPassword=PASSWORD, ProposedPassword="Another-Horse-9-Battery")
    assert by_password(app, name, "Another-Horse-9-Battery")["IdToken"]


def test_groups(pool, app):
    name = unique("grace")
    add_user(pool, name)
    for group, rank in (("acme", 2), ("admins", 1)):
        try:
            idp.create_group(UserPoolId=pool, GroupName=group, Precedence=rank, RoleArn=f"arn:aws:iam::000000000000:role/{group}")
        except idp.exceptions.GroupExistsException:
            pass
        idp.admin_add_user_to_group(UserPoolId=pool, Username=name, GroupName=group)
    assert {g["GroupName"] for g in idp.admin_list_groups_for_user(UserPoolId=pool, Username=name)["Groups"]} == {"acme", "admins"}
    assert name in {u["Username"] for u in idp.list_users_in_group(UserPoolId=pool, GroupName="acme")["Users"]}
    tokens = by_password(app, name)
    claims = verified(tokens["IdToken"], pool, app, audience=app)
    assert claims["cognito:groups"] == ["admins", "acme"] and claims["cognito:preferred_role"].endswith("role/admins")
    assert verified(tokens["AccessToken"], pool, app)["cognito:groups"] == ["admins", "acme"]
    idp.admin_remove_user_from_group(UserPoolId=pool, Username=name, GroupName="admins")
    with refused("GroupExistsException"):
        idp.create_group(UserPoolId=pool, GroupName="acme")


def test_users(pool, app):
    name = unique("heidi")
    add_user(pool, name)
    found = idp.list_users(UserPoolId=pool, Filter=f'username = "{name}"')["Users"]
    assert [u["Username"] for u in found] == [name]
    found = idp.list_users(UserPoolId=pool, Filter=f'email ^= "{name}"')["Users"]
    assert [u["Username"] for u in found] == [name]
    pages = idp.get_paginator("list_users").paginate(UserPoolId=pool, PaginationConfig={"PageSize": 2})
    assert name in {u["Username"] for p in pages for u in p["Users"]}
    idp.admin_disable_user(UserPoolId=pool, Username=name)
    with refused("NotAuthorizedException", "User is disabled."):
        by_password(app, name)
    idp.admin_enable_user(UserPoolId=pool, Username=name)
    tokens = by_password(app, name)
    idp.admin_user_global_sign_out(UserPoolId=pool, Username=name)
    with refused("NotAuthorizedException"):
        user.get_user(AccessToken=tokens["AccessToken"])
    idp.admin_delete_user(UserPoolId=pool, Username=name)
    with refused("UserNotFoundException", "User does not exist."):
        idp.admin_get_user(UserPoolId=pool, Username=name)


def test_admin_sign_in_needs_permission(pool, app, alice):
    got = idp.admin_initiate_auth(UserPoolId=pool, ClientId=app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={"USERNAME": alice, "PASSWORD": PASSWORD})
    assert got["AuthenticationResult"]["IdToken"]
    with refused("AccessDeniedException"):
        client("cognito-idp", make_user()[1]).admin_initiate_auth(
            UserPoolId=pool, ClientId=app, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={"USERNAME": alice, "PASSWORD": PASSWORD})


def test_tokens_of_another_pool(pool, app, alice):
    other = make_pool()
    tokens = by_password(app, alice)
    keys = keys_of(other)
    assert jwt.get_unverified_header(tokens["IdToken"])["kid"] not in keys
    with refused("NotAuthorizedException", "Invalid Access Token"):
        head, body, signature = tokens["AccessToken"].split(".")
        user.get_user(AccessToken=f"{head}.{body}.{signature[::-1]}")
    with refused("NotAuthorizedException"):
        user.get_user(AccessToken=tokens["IdToken"])


def test_pool_goes():
    pool = make_pool()
    idp.delete_user_pool(UserPoolId=pool)
    with refused("ResourceNotFoundException"):
        idp.describe_user_pool(UserPoolId=pool)
