"""Mail through a real SMTP server (aiosmtpd) and messages to a hook that verifies them with the standardwebhooks package, from a
server of its own."""

import contextlib
import email.policy
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.request
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from aiosmtpd.controller import Controller
from botocore.exceptions import ClientError
from standardwebhooks.webhooks import Webhook

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLgZl"
PASSWORD = "Correct-Horse-1"


class Post:
    """What the mail server took, and whether it refuses more."""

    def __init__(self):
        self.taken, self.refuse = [], None

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return self.refuse
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, BytesParser(policy=email.policy.default).parsebytes(envelope.content)))
        return "250 taken"


class Receiver(BaseHTTPRequestHandler):
    """A hook: it takes what verifies, and refuses the rest."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            Webhook(SECRET).verify(body.decode(), {k.lower(): v for k, v in self.headers.items()})
        except Exception:
            self.server.false.append(body)
            self.send_response(400)
        else:
            self.server.taken.append(json.loads(body))
            self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A mail server, a hook and a Bulkhead that sends by them."""
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=free_port())
    controller.start()
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    hook.taken, hook.false, hook.status = [], [], 204
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{free_port()}"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("BULKHEAD_", "AWS_"))}
    env |= {"BULKHEAD_ROOT_ACCESS_KEY_ID": "AKIADELIVERYTESTROOT", "BULKHEAD_ROOT_SECRET_ACCESS_KEY": "not-a-secret-but-long-enough-for-tests!",
            "BULKHEAD_SMS_SECRET": SECRET}
    data = tmp_path_factory.mktemp("delivery")
    server = subprocess.Popen(
        [ROOT / "bin" / "bulkhead", "serve", "--listen", address.removeprefix("http://"), "--data", data / "d", "--store", "memory",
         "--mail", f"smtp://127.0.0.1:{controller.port}", "--mail-from", "no-reply@saas.example",
         "--sms", f"http://127.0.0.1:{hook.server_port}/codes"], env=env, stderr=open(data / "log", "wb"))
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), urllib.request.urlopen(address + "/-/readyz"):
                break
            assert server.poll() is None, (data / "log").read_text()
            time.sleep(0.05)
        idp = boto3.client("cognito-idp", region_name="us-east-1", endpoint_url=address, aws_access_key_id="AKIADELIVERYTESTROOT",
                           aws_secret_access_key="not-a-secret-but-long-enough-for-tests!")
        yield post, hook, idp
    finally:
        server.terminate()
        server.wait()
        controller.stop()
        hook.shutdown()


def make_pool(idp, **settings):
    pool = idp.create_user_pool(PoolName="delivery", **settings)["UserPool"]["Id"]
    app = idp.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    return pool, app["UserPoolClient"]["ClientId"]


def sign_up(idp, app, name, **attributes):
    return idp.sign_up(ClientId=app, Username=name, Password=PASSWORD, UserAttributes=[{"Name": k, "Value": v} for k, v in attributes.items()])


def code_of(text):
    return re.search(r"\b[0-9]{6}\b", text).group()


def test_mail_by_smtp(world):
    post, _, idp = world
    pool, app = make_pool(idp, AutoVerifiedAttributes=["email"])
    sign_up(idp, app, "ana", email="ana@example.com")
    sender, to, message = post.taken[-1]
    assert sender == "no-reply@saas.example" and to == ["ana@example.com"] and message["From"] == "no-reply@saas.example"
    idp.confirm_sign_up(ClientId=app, Username="ana", ConfirmationCode=code_of(message.get_body().get_content()))
    idp.forgot_password(ClientId=app, Username="ana")
    idp.confirm_forgot_password(ClientId=app, Username="ana", Password="Another-Word-2", ConfirmationCode=code_of(post.taken[-1][2].get_body().get_content()))
    assert idp.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "ana", "PASSWORD": "Another-Word-2"})["AuthenticationResult"]


def test_mail_that_is_refused(world):
    post, _, idp = world
    _, app = make_pool(idp, AutoVerifiedAttributes=["email"])
    post.refuse = "550 no such box"
    try:
        with pytest.raises(ClientError) as refused:
            sign_up(idp, app, "bob", email="bob@example.com")
    finally:
        post.refuse = None
    assert refused.value.response["Error"]["Code"] == "CodeDeliveryFailureException"
    assert "bob@" not in str(refused.value) and "no such box" not in str(refused.value)


@pytest.mark.parametrize("address", ["eve@example.com\r\nBcc: all@example.com", "eve@example.com, all@example.com", "<eve@example.com> all@example.com",
                                     "eve@example.com\nSubject: x"])
def test_mail_headers_are_not_the_users(world, address):
    """A user's address never becomes another header or a second recipient."""
    post, _, idp = world
    _, app = make_pool(idp, AutoVerifiedAttributes=["email"])
    before = len(post.taken)
    with pytest.raises(ClientError) as refused:
        sign_up(idp, app, "eve", email=address)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    assert len(post.taken) == before


def test_username_in_an_invitation(world):
    """What an invitation shows of a user stays text: no header, no markup."""
    post, _, idp = world
    pool, _ = make_pool(idp, AdminCreateUserConfig={"InviteMessageTemplate": {"EmailSubject": "Welcome", "EmailMessage": "<p>{username} {####}</p>"}})
    idp.admin_create_user(UserPoolId=pool, Username="<img/src=x>", UserAttributes=[{"Name": "email", "Value": "eve@example.com"}])
    message = post.taken[-1][2]
    assert message["Subject"] == "Welcome" and message["Bcc"] is None
    assert "<img/src=x>" not in message.get_body(("html",)).get_content()


def test_text_messages_by_hook(world):
    _, hook, idp = world
    _, app = make_pool(idp, AutoVerifiedAttributes=["phone_number"], SmsConfiguration={"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"})
    sign_up(idp, app, "tom", phone_number="+15550100")
    data = hook.taken[-1]["data"]
    assert data["medium"] == "SMS" and data["to"] == "+15550100" and not hook.false
    idp.confirm_sign_up(ClientId=app, Username="tom", ConfirmationCode=code_of(data["text"]))
    hook.status = 400
    try:
        with pytest.raises(ClientError) as refused:
            sign_up(idp, app, "tim", phone_number="+15550101")
    finally:
        hook.status = 204
    assert refused.value.response["Error"]["Code"] == "CodeDeliveryFailureException"


def test_second_factor_by_hook(world):
    _, hook, idp = world
    pool, app = make_pool(idp, SmsConfiguration={"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}, MfaConfiguration="ON")
    idp.admin_create_user(UserPoolId=pool, Username="mia", MessageAction="SUPPRESS", UserAttributes=[
        {"Name": "phone_number", "Value": "+15550102"}, {"Name": "phone_number_verified", "Value": "true"}])
    idp.admin_set_user_password(UserPoolId=pool, Username="mia", Password=PASSWORD, Permanent=True)
    asked = idp.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "mia", "PASSWORD": PASSWORD})
    assert asked["ChallengeName"] == "SMS_MFA"
    data = hook.taken[-1]["data"]
    assert data["to"] == "+15550102"
    done = idp.respond_to_auth_challenge(ClientId=app, ChallengeName="SMS_MFA", Session=asked["Session"], ChallengeResponses={
        "USERNAME": "mia", "SMS_MFA_CODE": code_of(data["text"])})
    assert done["AuthenticationResult"]
