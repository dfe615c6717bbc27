"""CloudTrail through boto3: requests, allowed and refused, are events that LookupEvents finds."""

import json

from support import account, allow, assume, client, eventually, make_role, make_user, refused, trust, unique

trail = client("cloudtrail")


def lookup(key, value, count=1):
    def found():
        events = trail.lookup_events(LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}])["Events"]
        return events if len(events) >= count else None

    return eventually(found) or []


def test_an_allowed_request():
    name = unique("audited")
    answer = client("iam").create_user(UserName=name)
    events = lookup("ResourceName", f"arn:aws:iam::{account()}:user/{name}")
    (event,) = [e for e in events if e["EventName"] == "CreateUser"]
    assert event["EventSource"] == "iam.amazonaws.com" and event["ReadOnly"] == "false"
    detail = json.loads(event["CloudTrailEvent"])
    assert detail["requestID"] == answer["ResponseMetadata"]["RequestId"]
    assert detail["userIdentity"]["type"] == "Root" and "errorCode" not in detail
    assert detail["eventID"] == event["EventId"]
    assert lookup("EventId", event["EventId"])[0]["EventName"] == "CreateUser"


def test_a_refused_request():
    name, key = make_user()
    with refused("AccessDenied"):
        client("iam", key).list_users()
    events = lookup("AccessKeyId", key["AccessKeyId"])
    detail = json.loads(events[0]["CloudTrailEvent"])
    assert detail["eventName"] == "ListUsers" and detail["errorCode"] == "AccessDenied"
    assert detail["userIdentity"]["userName"] == name
    assert key["SecretAccessKey"] not in json.dumps(detail)


def test_sessions_tags_and_no_secrets():
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession"]), allow("iam:ListUsers"))
    creds = assume(role, Tags=[{"Key": "TenantID", "Value": "acme"}], RoleSessionName="traced")
    client("iam", creds).list_users()
    detail = json.loads(lookup("AccessKeyId", creds["AccessKeyId"])[0]["CloudTrailEvent"])
    assert detail["userIdentity"]["type"] == "AssumedRole"
    assert detail["userIdentity"]["arn"].endswith("/traced")
    assert detail["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == role
    text = json.dumps(detail)
    assert "acme" in text
    assert creds["SecretAccessKey"] not in text and creds["SessionToken"] not in text


def test_filters_and_paging():
    for _ in range(3):
        client("iam").create_user(UserName=unique("paged"))
    pages = trail.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}], PaginationConfig={"PageSize": 1, "MaxItems": 3})
    events = [e for p in pages for e in p["Events"]]
    assert len({e["EventId"] for e in events}) == 3 and {e["EventName"] for e in events} == {"CreateUser"}
    times = [e["EventTime"] for e in events]
    assert times == sorted(times, reverse=True)
    with refused("InvalidLookupAttributesException"):
        trail.lookup_events(LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "A"}, {"AttributeKey": "Username", "AttributeValue": "b"}])
    with refused("InvalidNextTokenException"):
        trail.lookup_events(NextToken="nonsense")
    _, key = make_user(allow("iam:*"))
    with refused("AccessDeniedException", "is not authorized to perform: cloudtrail:LookupEvents"):
        client("cloudtrail", key).lookup_events()
