"""Bulk import of users through boto3, with the file sent to the URL as curl would."""

import time
import urllib.error
import urllib.request

import pytest
from support import endpoint, refused, unique
from test_cognito import idp, make_client, make_pool, user


def put(url, body):
    request = urllib.request.Request(url, data=body.encode(), method="PUT", headers={"Content-Type": "", "x-amz-server-side-encryption": "aws:kms"})
    with urllib.request.urlopen(request) as answer:
        return answer.status


def rows(pool, *people):
    header = idp.get_csv_header(UserPoolId=pool)["CSVHeader"]
    lines = [",".join(header)]
    for p in people:
        lines.append(",".join({"cognito:mfa_enabled": "false", **p}.get(c, "") for c in header))
    return "\n".join(lines) + "\n"


def person(name, **more):
    return {"cognito:username": name, "email": f"{name}@example.com", "email_verified": "true", **more}


def test_import():
    pool = make_pool(AutoVerifiedAttributes=["email"])
    app = make_client(pool)["ClientId"]
    ana, bob = unique("ana"), unique("bob")
    job = idp.create_user_import_job(JobName="people", UserPoolId=pool, CloudWatchLogsRoleArn="arn:aws:iam::000000000000:role/logs")["UserImportJob"]
    which = dict(UserPoolId=pool, JobId=job["JobId"])
    assert job["Status"] == "Created" and job["PreSignedUrl"].startswith(endpoint())
    with refused("PreconditionNotMetException", f"No csv file was uploaded for {job['JobId']}"):
        idp.start_user_import_job(**which)
    file = rows(pool, person(ana, **{"custom:tenant_id": "acme"}), person(bob), {"cognito:username": "nobody"})
    with pytest.raises(urllib.error.HTTPError) as tampered:
        put(job["PreSignedUrl"][:-4] + "AAAA", file)
    assert tampered.value.code == 403
    with pytest.raises((urllib.error.URLError, ConnectionError)):  # 413, or cut off before the answer is read
        put(job["PreSignedUrl"], "x" * (17 << 20))
    assert put(job["PreSignedUrl"], file) == 200
    with pytest.raises(urllib.error.HTTPError) as again:
        put(job["PreSignedUrl"], file)
    assert again.value.code == 403
    assert idp.start_user_import_job(**which)["UserImportJob"]["Status"] == "Pending"
    deadline = time.monotonic() + 30
    while (d := idp.describe_user_import_job(**which)["UserImportJob"])["Status"] in ("Pending", "InProgress"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (d["Status"], d["ImportedUsers"], d["SkippedUsers"], d["FailedUsers"]) == ("Succeeded", 2, 0, 1)
    assert "PreSignedUrl" not in d
    u = idp.admin_get_user(UserPoolId=pool, Username=ana)
    assert u["UserStatus"] == "RESET_REQUIRED" and {"Name": "custom:tenant_id", "Value": "acme"} in u["UserAttributes"]
    with refused("PasswordResetRequiredException", "Password reset required for the user"):
        user.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app, AuthParameters={"USERNAME": ana, "PASSWORD": "Correct-Horse-9-Battery"})
    assert [j["JobId"] for j in idp.list_user_import_jobs(UserPoolId=pool, MaxResults=10)["UserImportJobs"]] == [job["JobId"]]
