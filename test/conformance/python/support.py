"""What the suites share: clients, credentials, policies and the check of a refusal."""

import contextlib
import json
import re
import secrets
import time
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"

# One session, so that the service models are loaded once. Its credentials are the root user's, from the environment.
_session = boto3.session.Session(region_name=REGION)
_clients = {}


def client(service, credentials=None, region=REGION):
    """A client of the service with the root user's credentials, or with those of an STS, IAM or Cognito answer."""
    key = (service, credentials and credentials["SessionToken"] or credentials and credentials["AccessKeyId"], region)
    if key not in _clients:
        named = {}
        if credentials:
            named = dict(
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials.get("SecretAccessKey") or credentials["SecretKey"],
                aws_session_token=credentials.get("SessionToken"),
            )
        _clients[key] = _session.client(service, region_name=region, **named)
    return _clients[key]


def unchecked(service):
    """A client that leaves the checking of parameters to the server."""
    return _session.client(service, config=Config(parameter_validation=False))


def unsigned(service):
    """A client that does not sign, as a browser without credentials."""
    return _session.client(service, config=Config(signature_version=UNSIGNED))


def endpoint():
    """The server's URL, as the SDK found it."""
    return client("sts").meta.endpoint_url


def unique(prefix):
    """A name that no other test uses."""
    return f"{prefix}-{secrets.token_hex(5)}"


def account():
    """The default account's id."""
    return client("sts").get_caller_identity()["Account"]


def role_arn(name, in_account=None):
    return f"arn:aws:iam::{in_account or account()}:role/{name}"


def allow(action, resource="*", **more):
    """An Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    """A Deny statement."""
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def policy(*statements):
    """A policy document of the statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(principal, actions="sts:AssumeRole", **condition):
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions}
    if condition:
        statement["Condition"] = condition["Condition"]
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_role(trust_policy=None, *statements, name=None, iam=None, **more):
    """A role with the trust policy (the own account by default) and an inline policy; returns its ARN."""
    iam = iam or client("iam")
    name = name or unique("role")
    arn = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=trust_policy or trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
        **more,
    )["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
    return arn


def make_user(*statements, **more):
    """A user with an inline policy; returns its name and access key."""
    name = unique("user")
    client("iam").create_user(UserName=name, **more)
    if statements:
        client("iam").put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy(*statements))
    key = client("iam").create_access_key(UserName=name)["AccessKey"]
    return name, {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"], "SessionToken": None}


def assume(arn, sts=None, **more):
    """Credentials of the role. The root user cannot assume roles on AWS, so a user of the account does."""
    more.setdefault("RoleSessionName", "conformance")
    return (sts or operator("sts")).assume_role(RoleArn=arn, **more)["Credentials"]


_operator = {}


def operator(service):
    """A client of a user who may do everything in the default account."""
    if not _operator:
        _, _operator["credentials"] = make_user(allow("*"))
    return client(service, _operator["credentials"])


@contextlib.contextmanager
def refused(code, message=None, status=None):
    """Expects the block to end with the error code, with a message that the expression is found in."""
    try:
        yield
    except ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code, f"{got['Code']}: {got.get('Message')}, want {code}"
        if message is not None:
            assert re.search(message, got.get("Message", "")), f"message {got.get('Message')!r} does not match {message!r}"
        if status is not None:
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] == status, e.response["ResponseMetadata"]
    else:
        raise AssertionError(f"was allowed, want {code}")


def eventually(check, seconds=10):
    """The first true answer of check within the time."""
    end = time.monotonic() + seconds
    while True:
        got = check()
        if got or time.monotonic() > end:
            return got
        time.sleep(0.05)


def get(url):
    """The body of a plain HTTP GET, without proxies."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return answer.read()
