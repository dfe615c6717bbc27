"""The functions of the trigger tests, as an operator would write them."""

import base64
import json
import os

import boto3


def pre_sign_up(event, _):
    if event["request"]["userAttributes"].get("email", "").endswith("@evil.example"):
        raise Exception("This domain may not sign up")
    if (event["request"]["validationData"] or {}).get("invited") == "yes":
        event["response"]["autoConfirmUser"] = event["response"]["autoVerifyEmail"] = True
    return event


def post_confirmation(event, _):
    boto3.client("cognito-idp").admin_update_user_attributes(
        UserPoolId=event["userPoolId"], Username=event["userName"],
        UserAttributes=[{"Name": "custom:org", "Value": "org-" + event["request"]["userAttributes"]["email"].split("@")[1]}],
    )
    return event


def pre_token(event, _):
    """Version 2: the tenant as a session tag in the ID token, permissions as a complex claim in the access token."""
    org = event["request"]["userAttributes"].get("custom:org", "none")
    event["response"]["claimsAndScopeOverrideDetails"] = {
        "idTokenGeneration": {"claimsToAddOrOverride": {
            "https://aws.amazon.com/tags": {"principal_tags": {"TenantID": [org]}, "transitive_tag_keys": ["TenantID"]},
            "sub": "somebody else",
        }},
        "accessTokenGeneration": {
            "claimsToAddOrOverride": {"permissions": [{"on": "orders", "may": ["read", "write"], "limit": 3}]},
            "scopesToAdd": ["orders/read"],
        },
    }
    return event


def define(event, _):
    session, response = event["request"]["session"], event["response"]
    answered = [s for s in session if s["challengeName"] == "CUSTOM_CHALLENGE"]
    response["issueTokens"] = bool(answered) and answered[-1]["challengeResult"]
    response["failAuthentication"] = len(answered) >= 2 and not response["issueTokens"]
    if [s["challengeName"] for s in session] == ["SRP_A"]:
        response["challengeName"] = "PASSWORD_VERIFIER"
    elif not response["issueTokens"]:
        response["challengeName"] = "CUSTOM_CHALLENGE"
    return event


def create(event, _):
    event["response"]["publicChallengeParameters"] = {"sum": "2+3"}
    event["response"]["privateChallengeParameters"] = {"answer": "5"}
    event["response"]["challengeMetadata"] = "SUM"
    return event


def verify(event, _):
    request = event["request"]
    event["response"]["answerCorrect"] = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]
    return event


def migrate(event, _):
    if event["triggerSource"] == "UserMigration_Authentication" and event["request"]["password"] != "old":
        raise Exception("Bad password")
    event["response"]["userAttributes"] = {"email": event["userName"] + "@example.com", "email_verified": "true"}
    event["response"]["finalUserStatus"], event["response"]["messageAction"] = "CONFIRMED", "SUPPRESS"
    return event


def custom_message(event, _):
    event["response"]["emailSubject"] = "Welcome"
    event["response"]["emailMessage"] = "Here is " + event["request"]["codeParameter"] + " for " + event["triggerSource"]
    return event


def email_sender(event, _):
    """Decrypts the code with the AWS Encryption SDK and leaves it where the test looks."""
    import aws_encryption_sdk

    client = aws_encryption_sdk.EncryptionSDKClient()
    plain, header = client.decrypt(
        source=base64.b64decode(event["request"]["code"]), key_provider=aws_encryption_sdk.DiscoveryAwsKmsMasterKeyProvider(),
    )
    left = {"code": plain.decode(), "context": header.encryption_context, "source": event["triggerSource"], "type": event["request"]["type"]}
    with open(os.path.join(os.environ["CODES"], event["userName"]), "w") as f:
        json.dump(left, f)
    return event


def broken(event, _):
    return {"statusCode": 200}
