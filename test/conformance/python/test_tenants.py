"""Bulkhead's own API, signed with botocore's SigV4: the registry of tenants and the audit log."""

import json
import re
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support import REGION, allow, client, endpoint, make_user, refused, unique


def call(method, path, body=None, credentials=None):
    """Status and decoded answer of a signed request."""
    data = json.dumps(body).encode() if body is not None else None
    request = AWSRequest(method, endpoint() + path, data=data, headers={"Content-Type": "application/json"})
    if credentials is None:
        signer = client("sts")._request_signer._credentials
        frozen = signer.get_frozen_credentials()
        credentials = Credentials(frozen.access_key, frozen.secret_key)
    elif credentials:
        credentials = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    if credentials:
        SigV4Auth(credentials, "bulkhead", REGION).add_auth(request)
    prepared = request.prepare()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(prepared.url, data, dict(prepared.headers), method=method), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as e:
        text = e.read()
        return e.code, {"code": e.headers.get("x-amzn-errortype", "").split(":")[0], **(json.loads(text) if text else {})}


TENANTS = "/-/api/v1/tenants"


def test_onboard_and_offboard():
    name = unique("t")
    status, made = call("POST", TENANTS, {"Id": name, "Name": "A tenant", "Tags": {"plan": "gold"}})
    assert status == 201, made
    t = made["Tenant"]
    assert t["Id"] == name and t["Status"] == "ACTIVE" and t["AliasName"] == f"alias/customer-{name}"
    assert all(s["Done"] for s in t["Steps"])
    key = client("kms").describe_key(KeyId=f"alias/customer-{name}")["KeyMetadata"]
    assert key["Arn"] == t["KeyArn"] and key["Enabled"]
    tags = client("kms").list_resource_tags(KeyId=key["KeyId"])["Tags"]
    assert {"TagKey": "TenantID", "TagValue": name} in tags
    assert call("GET", f"{TENANTS}/{name}")[1]["Tenant"]["Id"] == name
    assert name in {x["Id"] for x in call("GET", TENANTS)[1]["Tenants"]}

    status, again = call("POST", TENANTS, {"Id": name})
    assert (status, again["code"]) == (409, "TenantAlreadyExistsException")

    assert call("DELETE", f"{TENANTS}/{name}?pendingWindowInDays=7")[0] == 200
    status, gone = call("GET", f"{TENANTS}/{name}")
    assert (status, gone["code"]) == (404, "TenantNotFoundException")
    assert client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    with refused("NotFoundException"):
        client("kms").describe_key(KeyId=f"alias/customer-{name}")


def test_paging():
    names = sorted(unique("page") for _ in range(3))
    for n in names:
        assert call("POST", TENANTS, {"Id": n})[0] == 201
    seen, token = [], ""
    while True:
        _, page = call("GET", f"{TENANTS}?maxResults=2{token}")
        assert len(page["Tenants"]) <= 2
        seen += [t["Id"] for t in page["Tenants"]]
        if not page.get("NextToken"):
            break
        token = f"&nextToken={page['NextToken']}"
    assert set(names) <= set(seen) and seen == sorted(set(seen))
    assert call("GET", f"{TENANTS}?nextToken=abc")[0] == 400


@pytest.mark.parametrize("bad", ["A", "a", "-a", "a_b", "a" * 64, "a/b", ""])
def test_ids_are_of_the_declared_language(bad):
    status, answer = call("POST", TENANTS, {"Id": bad})
    assert status == 400, answer


def test_policies_decide():
    name = unique("t")
    _, key = make_user(allow("bulkhead:GetTenant", f"arn:aws:bulkhead:{REGION}:*:tenant/{name}"))
    assert call("POST", TENANTS, {"Id": name})[0] == 201
    assert call("GET", f"{TENANTS}/{name}", credentials=key)[0] == 200
    for method, path, body in (("GET", TENANTS, None), ("POST", TENANTS, {"Id": unique("t")}), ("DELETE", f"{TENANTS}/{name}", None)):
        status, answer = call(method, path, body, key)
        assert (status, answer["code"]) == (403, "AccessDeniedException"), answer
    assert call("GET", TENANTS, credentials=False)[0] == 403


def test_onboarding_uses_the_callers_own_permissions():
    _, key = make_user(allow("bulkhead:*"))
    name = unique("t")
    status, answer = call("POST", TENANTS, {"Id": name}, key)
    assert (status, answer["code"]) == (403, "AccessDeniedException") and "kms:" in answer["message"]
    # what is missing is done when somebody calls again who may
    assert call("POST", TENANTS, {"Id": name})[1]["Tenant"]["Status"] == "ACTIVE"


def test_audit_events_and_their_chain():
    name = unique("t")
    call("POST", TENANTS, {"Id": name})
    status, events = call("GET", "/-/api/v1/audit/events?maxResults=50")
    assert status == 200 and events["Events"]
    status, anchors = call("GET", "/-/api/v1/audit/anchors")
    assert status == 200 and anchors["Anchors"]
    status, answer = call("POST", "/-/api/v1/audit/verify", {"Anchors": anchors["Anchors"]})
    assert status == 200, answer
    assert call("GET", "/-/api/v1/audit/events", credentials=make_user()[1])[0] == 403


def test_sign_up_by_mail():
    """A sign-up from end to end: the code is in the server's own mailbox, for operators only."""
    idp, name = client("cognito-idp"), unique("erin")
    address = f"{name}@example.com"
    pool = idp.create_user_pool(PoolName=unique("mail"), AutoVerifiedAttributes=["email"])["UserPool"]["Id"]
    app = idp.create_user_pool_client(UserPoolId=pool, ClientName="c", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    app = app["UserPoolClient"]["ClientId"]
    idp.sign_up(ClientId=app, Username=name, Password="Correct-Horse-9", UserAttributes=[{"Name": "email", "Value": address}])
    _, key = make_user(allow("cognito-idp:*"))
    status, answer = call("GET", f"/-/api/v1/messages?to={quote(address)}", credentials={**key, "SessionToken": None})
    assert (status, answer["code"]) == (403, "AccessDeniedException"), answer
    status, answer = call("GET", f"/-/api/v1/messages?to={quote(address)}")
    assert status == 200 and len(answer["Messages"]) == 1, answer
    message = answer["Messages"][0]
    assert message["To"] == address and message["UserPoolId"] == pool
    code = re.search(r"\b[0-9]{6}\b", message["Body"]).group()
    idp.confirm_sign_up(ClientId=app, Username=name, ConfirmationCode=code)
    got = idp.admin_get_user(UserPoolId=pool, Username=name)
    assert got["UserStatus"] == "CONFIRMED"
    assert {"Name": "email_verified", "Value": "true"} in got["UserAttributes"]
