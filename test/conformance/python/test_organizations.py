"""Organizations through boto3: the organization of a server, accounts and how they are reached."""

import json

import pytest
from botocore.exceptions import ClientError
from support import account, allow, assume, client, eventually, make_role, make_user, operator, refused, unique

org = client("organizations")


def make_account():
    """A new account; returns its id."""
    name = unique("account")
    status = org.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
    assert status["State"] == "IN_PROGRESS" and status["Id"].startswith("car-")

    def done():
        s = org.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
        return s if s["State"] != "IN_PROGRESS" else None

    s = eventually(done)
    assert s["State"] == "SUCCEEDED", s
    return s["AccountId"]


def test_organization():
    o = org.describe_organization()["Organization"]
    assert o["Id"].startswith("o-") and o["MasterAccountId"] == account() and o["FeatureSet"] == "ALL"
    assert o["Arn"] == f"arn:aws:organizations::{account()}:organization/{o['Id']}"
    with refused("AlreadyInOrganizationException"):
        org.create_organization()
    (root,) = org.list_roots()["Roots"]
    assert root["Id"].startswith("r-")


def test_account_and_its_access_role():
    made = make_account()
    assert len(made) == 12 and made != account()
    d = org.describe_account(AccountId=made)["Account"]
    assert d["Status"] == "ACTIVE" and d["JoinedMethod"] == "CREATED" and made in d["Arn"]
    pages = org.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 1})
    assert {made, account()} <= {a["Id"] for p in pages for a in p["Accounts"]}

    creds = assume(f"arn:aws:iam::{made}:role/OrganizationAccountAccessRole")
    inside = client("iam", creds)
    assert client("sts", creds).get_caller_identity()["Account"] == made
    name = unique("inner")
    inside.create_user(UserName=name)
    assert name not in {u["UserName"] for p in client("iam").get_paginator("list_users").paginate() for u in p["Users"]}
    with refused("NoSuchEntity"):
        client("iam").get_user(UserName=name)
    with refused("AccessDeniedException"):
        client("organizations", creds).create_account(AccountName="x", Email="x@example.com")


def test_the_access_role_is_for_permitted_principals_of_the_management_account():
    made = make_account()
    arn = f"arn:aws:iam::{made}:role/OrganizationAccountAccessRole"
    _, key = make_user()
    with refused("AccessDenied"):
        assume(arn, client("sts", key))
    other = make_account()
    creds = assume(f"arn:aws:iam::{other}:role/OrganizationAccountAccessRole")
    with refused("AccessDenied"):
        assume(arn, client("sts", creds))


def test_an_address_is_used_once():
    name = unique("twice")
    org.create_account(AccountName=name, Email=f"{name}@example.com")
    s = org.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]

    def done():
        got = org.describe_create_account_status(CreateAccountRequestId=s["Id"])["CreateAccountStatus"]
        return got if got["State"] != "IN_PROGRESS" else None

    got = eventually(done)
    assert got["State"] == "FAILED" and got["FailureReason"] == "EMAIL_ALREADY_EXISTS" and "AccountId" not in got
    failed = org.list_create_account_status(States=["FAILED"])["CreateAccountStatuses"]
    assert s["Id"] in {f["Id"] for f in failed}


def test_errors():
    with refused("AccountNotFoundException", None, 400):
        org.describe_account(AccountId="999999999999")
    with refused("CreateAccountStatusNotFoundException"):
        org.describe_create_account_status(CreateAccountRequestId="car-" + "0" * 32)
    _, key = make_user(allow("iam:*"))
    with refused("AccessDeniedException", "is not authorized to perform: organizations:ListAccounts"):
        client("organizations", key).list_accounts()


def test_the_other_account_sees_who_came():
    """A request into another account is an event in both, joined by sharedEventID; the owner's shows no more than who came."""
    made = make_account()
    creds = assume(f"arn:aws:iam::{made}:role/OrganizationAccountAccessRole")
    attribute = [{"AttributeKey": "EventName", "AttributeValue": "AssumeRole"}]

    def events(trail):
        pages = trail.get_paginator("lookup_events").paginate(LookupAttributes=attribute)
        return [json.loads(e["CloudTrailEvent"]) for p in pages for e in p["Events"]]

    (theirs,) = events(client("cloudtrail", creds))
    who = theirs["userIdentity"]
    assert who["type"] == "AWSAccount" and who["accountId"] == account() and "arn" not in who and "accessKeyId" not in who, who
    assert theirs["recipientAccountId"] == made and [r["accountId"] for r in theirs["resources"]] == [made]
    assert "policy" not in theirs["additionalEventData"] and not theirs["requestParameters"], theirs
    (ours,) = [e for e in events(client("cloudtrail")) if e.get("sharedEventID") == theirs["sharedEventID"]]
    assert ours["recipientAccountId"] == account() and ours["eventID"] != theirs["eventID"]


def test_a_denial_across_accounts_tells_nothing():
    """Whether another account's key exists shows neither in the refusal nor in the message that operators decode."""
    made = make_account()
    creds = assume(f"arn:aws:iam::{made}:role/OrganizationAccountAccessRole")
    there = client("kms").create_key()["KeyMetadata"]["Arn"]
    absent = there[:-4] + ("0000" if not there.endswith("0000") else "1111")
    said = []
    for arn in (there, absent):
        with pytest.raises(ClientError) as e:
            client("kms", creds).describe_key(KeyId=arn)
        assert e.value.response["Error"]["Code"] == "AccessDeniedException"
        text, encoded = e.value.response["Error"]["Message"].split(" Encoded authorization failure message: ")
        assert "because the resource does not exist in this Region" in text and arn not in text
        decoded = json.loads(client("sts", creds).decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
        assert decoded["context"].pop("requestId")
        said.append((text, decoded))
    assert said[0] == said[1]
    assert there not in json.dumps(said)
