"""Second factors, choice-based sign-in and the rotation of refresh tokens through boto3."""

import base64
import hmac
import re
import time
from urllib.parse import quote

import pytest
from support import client, refused, unique, unsigned
from test_tenants import call

idp = client("cognito-idp")
user = unsigned("cognito-idp")

PASSWORD = "Correct-Horse-9-Battery"


def make_pool(mode, factors=("PASSWORD",)):
    pool = idp.create_user_pool(
        PoolName=unique("mfa"), EmailConfiguration={"EmailSendingAccount": "DEVELOPER"},
        Policies={"SignInPolicy": {"AllowedFirstAuthFactors": list(factors)}})["UserPool"]["Id"]
    sms = {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}}
    idp.set_user_pool_mfa_config(
        UserPoolId=pool, MfaConfiguration=mode, SoftwareTokenMfaConfiguration={"Enabled": True}, SmsMfaConfiguration=sms,
        EmailMfaConfiguration={"Message": "Code {####}", "Subject": "Code"})
    app = idp.create_user_pool_client(
        UserPoolId=pool, ClientName="c", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    return pool, app["UserPoolClient"]["ClientId"]


def add(pool, **attributes):
    name = unique("person")
    given = [{"Name": k, "Value": v} for k, v in attributes.items()]
    idp.admin_create_user(UserPoolId=pool, Username=name, MessageAction="SUPPRESS", UserAttributes=given)
    idp.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)
    return name


def begin(app, name):
    return user.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD})


def respond(app, challenge, session, name, **answers):
    return user.respond_to_auth_challenge(
        ClientId=app, ChallengeName=challenge, Session=session, ChallengeResponses={"USERNAME": name, **answers})


def totp(secret, step=0):
    """RFC 6238's code, some steps from now: no code is used twice."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, (int(time.time()) // 30 + step).to_bytes(8, "big"), "sha1")
    at = digest[19] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def code(to, digits=6):
    status, answer = call("GET", f"/-/api/v1/messages?to={quote(to)}")
    assert status == 200, answer
    return re.search(rf"\b[0-9]{{{digits}}}\b", answer["Messages"][-1]["Body"]).group()


def test_configuration():
    pool, _ = make_pool("OPTIONAL")
    got = idp.get_user_pool_mfa_config(UserPoolId=pool)
    assert got["MfaConfiguration"] == "OPTIONAL" and got["SoftwareTokenMfaConfiguration"] == {"Enabled": True}
    assert got["EmailMfaConfiguration"]["Subject"] == "Code" and got["SmsMfaConfiguration"]["SmsConfiguration"]
    assert idp.describe_user_pool(UserPoolId=pool)["UserPool"]["MfaConfiguration"] == "OPTIONAL"
    with refused("InvalidParameterException"):
        idp.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="ON")


def test_an_app_is_required():
    pool, app = make_pool("ON")
    name = add(pool)
    asked = begin(app, name)
    assert asked["ChallengeName"] == "MFA_SETUP"
    made = user.associate_software_token(Session=asked["Session"])
    with refused("EnableSoftwareTokenMFAException"):
        user.verify_software_token(Session=made["Session"], UserCode="000000")
    used = totp(made["SecretCode"])
    verified = user.verify_software_token(Session=made["Session"], UserCode=used)
    assert verified["Status"] == "SUCCESS"
    tokens = respond(app, "MFA_SETUP", verified["Session"], name)["AuthenticationResult"]
    assert user.get_user(AccessToken=tokens["AccessToken"])["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
    asked = begin(app, name)
    with refused("CodeMismatchException"):
        respond(app, "SOFTWARE_TOKEN_MFA", asked["Session"], name, SOFTWARE_TOKEN_MFA_CODE=used)
    respond(app, "SOFTWARE_TOKEN_MFA", asked["Session"], name, SOFTWARE_TOKEN_MFA_CODE=totp(made["SecretCode"], 1))
    with refused("NotAuthorizedException"):
        respond(app, "SOFTWARE_TOKEN_MFA", asked["Session"], name, SOFTWARE_TOKEN_MFA_CODE=totp(made["SecretCode"], 1))


def test_mail_is_set_up_on_the_way_in():
    pool, app = make_pool("ON")
    name, to = add(pool), f"{unique('m')}@example.com"
    asked = begin(app, name)
    sent = respond(app, "MFA_SETUP", asked["Session"], name, EMAIL=to)
    assert sent["ChallengeName"] == "EMAIL_OTP"
    assert respond(app, "EMAIL_OTP", sent["Session"], name, EMAIL_OTP_CODE=code(to))["AuthenticationResult"]
    got = idp.admin_get_user(UserPoolId=pool, Username=name)
    assert {"Name": "email_verified", "Value": "true"} in got["UserAttributes"] and got["UserMFASettingList"] == ["EMAIL_OTP"]


@pytest.mark.parametrize("challenge,attribute", [("SMS_MFA", "phone_number"), ("EMAIL_OTP", "email")])
def test_codes(challenge, attribute):
    pool, app = make_pool("ON")
    to = {"phone_number": "+1555" + str(time.time_ns())[-7:], "email": f"{unique('m')}@example.com"}[attribute]
    name, other = add(pool, **{attribute: to}), add(pool)
    asked = begin(app, name)
    assert asked["ChallengeName"] == challenge
    right = {f"{challenge}_CODE": code(to)}
    with refused("NotAuthorizedException"):
        respond(app, challenge, asked["Session"], other, **right)
    assert respond(app, challenge, asked["Session"], name, **right)["AuthenticationResult"]


def test_first_factor_by_choice():
    pool, app = make_pool("OPTIONAL", ("PASSWORD", "EMAIL_OTP"))
    to = f"{unique('m')}@example.com"
    name = add(pool, email=to, email_verified="true")
    asked = user.initiate_auth(ClientId=app, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": name})
    assert asked["ChallengeName"] == "SELECT_CHALLENGE" and asked["AvailableChallenges"] == ["EMAIL_OTP", "PASSWORD", "PASSWORD_SRP"]
    sent = respond(app, "SELECT_CHALLENGE", asked["Session"], name, ANSWER="EMAIL_OTP")
    tokens = respond(app, "EMAIL_OTP", sent["Session"], name, EMAIL_OTP_CODE=code(to, 8))["AuthenticationResult"]
    assert user.get_user_auth_factors(AccessToken=tokens["AccessToken"])["ConfiguredUserAuthFactors"] == ["EMAIL_OTP", "PASSWORD"]
    with refused("UserNotFoundException"):
        user.initiate_auth(ClientId=app, AuthFlow="USER_AUTH", AuthParameters={"USERNAME": unique("nobody")})


def test_rotation():
    pool, _ = make_pool("OPTIONAL")
    app = idp.create_user_pool_client(
        UserPoolId=pool, ClientName="c", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], RefreshTokenRotation={"Feature": "ENABLED"})
    assert app["UserPoolClient"]["RefreshTokenRotation"]["Feature"] == "ENABLED"
    app = app["UserPoolClient"]["ClientId"]
    first = begin(app, add(pool))["AuthenticationResult"]["RefreshToken"]
    second = user.get_tokens_from_refresh_token(ClientId=app, RefreshToken=first)["AuthenticationResult"]["RefreshToken"]
    with refused("RefreshTokenReuseException"):
        user.get_tokens_from_refresh_token(ClientId=app, RefreshToken=first)
    with refused("NotAuthorizedException"):
        user.get_tokens_from_refresh_token(ClientId=app, RefreshToken=second)
