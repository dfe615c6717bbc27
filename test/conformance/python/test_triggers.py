"""Triggers of user pools, run by AWS's own Lambda runtime for Python behind --functions-endpoint."""

import json
import os
import urllib.parse

import functions
import jwt
import pytest
import srp
from support import REGION, account, allow, client, endpoint, get, make_user, refused, unique, unsigned

idp = client("cognito-idp")
user = unsigned("cognito-idp")
PASSWORD = "Correct-Horse-9-Battery"
NAMES = ["pre_sign_up", "post_confirmation", "pre_token", "define", "create", "verify", "migrate", "custom_message", "email_sender", "broken"]


def arn(name):
    return f"arn:aws:lambda:{REGION}:{account()}:function:{name}"


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    return tmp_path_factory.mktemp("codes")


@pytest.fixture(scope="module", autouse=True)
def runtime(codes):
    os.environ["CODES"] = str(codes)
    with functions.running(int(os.environ["BULKHEAD_TEST_FUNCTIONS_PORT"]), NAMES):
        yield


def make(**triggers):
    """A pool with triggers and an app client of it."""
    config = {k: arn(v) if isinstance(v, str) and not v.startswith("arn:") else v for k, v in triggers.items()}
    pool = idp.create_user_pool(
        PoolName=unique("pool"), AutoVerifiedAttributes=["email"], LambdaConfig=config,
        Schema=[{"Name": "org", "AttributeDataType": "String", "Mutable": True}],
        UserPoolTags={"bulkhead:tenant-attribute": "custom:org"},
    )["UserPool"]
    assert pool["LambdaConfig"].items() >= config.items()
    app = idp.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="app",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_CUSTOM_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    )["UserPoolClient"]["ClientId"]
    return pool["Id"], app


def add(pool, name):
    idp.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=[{"Name": "email", "Value": f"{name}@example.com"}])
    idp.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)


def sign_up(app, name, domain="example.com", **more):
    return user.sign_up(ClientId=app, Username=name, Password=PASSWORD, UserAttributes=[{"Name": "email", "Value": f"{name}@{domain}"}], **more)


def sign_in(app, name, password=PASSWORD):
    return user.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": password})["AuthenticationResult"]


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def attributes(pool, name):
    return {a["Name"]: a["Value"] for a in idp.admin_get_user(UserPoolId=pool, Username=name)["UserAttributes"]}


def test_the_tenant_comes_from_post_confirmation():
    """S3.13 and S15: the function writes the organisation; the user never changes it; the ID token carries it as a tag."""
    pool, app = make(PreSignUp="pre_sign_up", PostConfirmation="post_confirmation",
                     PreTokenGenerationConfig={"LambdaVersion": "V2_0", "LambdaArn": arn("pre_token")})
    name = unique("ada")
    out = sign_up(app, name, "acme.example", ValidationData=[{"Name": "invited", "Value": "yes"}])
    assert out["UserConfirmed"] is True
    assert attributes(pool, name)["custom:org"] == "org-acme.example"
    assert attributes(pool, name)["email_verified"] == "true"
    tokens = sign_in(app, name)
    with refused("NotAuthorizedException"):
        user.update_user_attributes(AccessToken=tokens["AccessToken"], UserAttributes=[{"Name": "custom:org", "Value": "org-evil"}])
    with refused("NotAuthorizedException"):  # an attribute that only administrators set
        user.sign_up(ClientId=app, Username=unique("eve"), Password=PASSWORD, UserAttributes=[{"Name": "custom:org", "Value": "org-acme.example"}])
    identity, access = claims(tokens["IdToken"]), claims(tokens["AccessToken"])
    assert identity["https://aws.amazon.com/tags"] == {"principal_tags": {"TenantID": ["org-acme.example"]}, "transitive_tag_keys": ["TenantID"]}
    assert identity["sub"] == out["UserSub"]
    assert access["permissions"] == [{"on": "orders", "may": ["read", "write"], "limit": 3}]
    assert set(access["scope"].split()) == {"aws.cognito.signin.user.admin", "orders/read"}
    key = jwt.PyJWK(json.loads(get(f"{endpoint()}/{pool}/.well-known/jwks.json"))["keys"][0])
    jwt.decode(tokens["IdToken"], key, algorithms=["RS256"], audience=app)


def test_pre_sign_up_refuses():
    pool, app = make(PreSignUp="pre_sign_up")
    name = unique("eve")
    with refused("UserLambdaValidationException", "^PreSignUp failed with error This domain may not sign up.$"):
        sign_up(app, name, "evil.example")
    with refused("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=pool, Username=name)


def test_functions_that_answer_wrongly():
    pool, app = make(PreAuthentication="broken")
    add(pool, "ada")
    with refused("InvalidLambdaResponseException", "Unrecognizable lambda output"):
        sign_in(app, "ada")
    pool, app = make(PreAuthentication="missing")
    add(pool, "ada")
    with refused("UnexpectedLambdaException", "ResourceNotFoundException"):
        sign_in(app, "ada")
    pool, app = make(PreAuthentication=f"arn:aws:lambda:{REGION}:999988887777:function:define")
    add(pool, "ada")
    with refused("UnexpectedLambdaException", "AccessDeniedException"):  # another account's function
        sign_in(app, "ada")


def test_custom_auth():
    pool, app = make(DefineAuthChallenge="define", CreateAuthChallenge="create", VerifyAuthChallengeResponse="verify")
    name = unique("ada")
    add(pool, name)

    def answer(step, text):
        return user.respond_to_auth_challenge(ClientId=app, ChallengeName="CUSTOM_CHALLENGE", Session=step["Session"],
                                              ChallengeResponses={"USERNAME": name, "ANSWER": text})

    first = user.initiate_auth(ClientId=app, AuthFlow="CUSTOM_AUTH", AuthParameters={"USERNAME": name})
    assert first["ChallengeName"] == "CUSTOM_CHALLENGE" and first["ChallengeParameters"] == {"USERNAME": name, "sum": "2+3"}
    second = answer(first, "4")
    assert second["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert claims(answer(second, "5")["AuthenticationResult"]["IdToken"])["cognito:username"] == name
    with refused("NotAuthorizedException"):
        answer(second, "5")
    # With the password by SRP first.
    c = srp.Client()
    out = user.initiate_auth(ClientId=app, AuthFlow="CUSTOM_AUTH",
                             AuthParameters={"USERNAME": name, "CHALLENGE_NAME": "SRP_A", "SRP_A": format(c.A, "x")})
    assert out["ChallengeName"] == "PASSWORD_VERIFIER"
    out = user.respond_to_auth_challenge(ClientId=app, ChallengeName="PASSWORD_VERIFIER",
                                         ChallengeResponses=c.answer(out["ChallengeParameters"], pool, PASSWORD, app))
    assert out["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert answer(out, "5")["AuthenticationResult"]["AccessToken"]


def test_migration():
    pool, app = make(UserMigration="migrate")
    name = unique("ada")
    with refused("UserNotFoundException", f"Exception migrating user in app client {app}"):
        sign_in(app, name, "wrong")
    assert claims(sign_in(app, name, "old")["IdToken"])["email"] == f"{name}@example.com"
    idp.update_user_pool(UserPoolId=pool, AutoVerifiedAttributes=["email"])  # without the trigger
    assert sign_in(app, name, "old")["RefreshToken"]
    with refused("UserNotFoundException", "User does not exist"):
        sign_in(app, unique("bob"), "old")


def test_custom_sender_decrypts_with_the_encryption_sdk(codes):
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    sender = {"LambdaVersion": "V1_0", "LambdaArn": arn("email_sender")}
    pool, app = make(CustomEmailSender=sender, CustomMessage="custom_message", KMSKeyID=key)
    name = unique("ada")
    sign_up(app, name)
    left = json.loads((codes / name).read_text())
    assert left["source"] == "CustomEmailSender_SignUp" and left["type"] == "customEmailSenderRequestV1"
    assert left["context"] == {"userpool-id": pool}
    user.confirm_sign_up(ClientId=app, Username=name, ConfirmationCode=left["code"])
    sign_in(app, name)
    # Who may not use the key may not give it to a pool.
    _, other = make_user(allow("cognito-idp:*"))
    with refused("AccessDeniedException", "kms:GenerateDataKey"):
        client("cognito-idp", other).update_user_pool(UserPoolId=pool, LambdaConfig={"CustomEmailSender": sender, "KMSKeyID": key})
