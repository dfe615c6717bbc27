"""Organizations through boto3: the organization of a server, accounts and how they are reached."""

import pytest
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
