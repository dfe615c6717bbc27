"""A tour of each service by the AWS CLI: output, paginators, waiters, exit codes."""

import base64
import json
import os
import subprocess

import pytest
from support import REGION, account, unique


def aws(*arguments, ok=True, env=None):
    """Runs the AWS CLI; its output decoded, or its exit code and what it says if it fails and should."""
    done = subprocess.run(["aws", *arguments, "--output", "json"], capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})
    if not ok:
        return done.returncode, done.stderr
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_sts():
    assert aws("sts", "get-caller-identity")["Arn"] == f"arn:aws:iam::{account()}:root"
    code, text = aws("sts", "get-caller-identity", ok=False, env={"AWS_SECRET_ACCESS_KEY": "wrong"})
    assert code == 254 or code == 255
    assert "SignatureDoesNotMatch" in text


def test_iam():
    name = unique("cli")
    aws("iam", "create-user", "--user-name", name, "--tags", "Key=team,Value=blue")
    aws("iam", "wait", "user-exists", "--user-name", name)
    aws("iam", "create-user", "--user-name", name + "-2")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}]})
    aws("iam", "put-user-policy", "--user-name", name, "--policy-name", "p", "--policy-document", document)
    assert aws("iam", "get-user-policy", "--user-name", name, "--policy-name", "p")["PolicyDocument"]["Statement"][0]["Action"] == "iam:GetUser"
    users = aws("iam", "list-users", "--page-size", "1")["Users"]
    assert name in {u["UserName"] for u in users}
    capped = aws("iam", "list-users", "--max-items", "1")
    assert len(capped["Users"]) == 1 and capped["NextToken"]
    code, text = aws("iam", "get-user", "--user-name", "none", ok=False)
    assert code in (254, 255) and "An error occurred (NoSuchEntity) when calling the GetUser operation: The user with name none cannot be found." in text
    code, _ = aws("iam", "get-user", "--no-such-option", ok=False)
    assert code in (2, 252, 255)


def test_dynamodb():
    table = unique("cli")
    aws("dynamodb", "create-table", "--table-name", table, "--attribute-definitions", "AttributeName=pk,AttributeType=S",
        "--key-schema", "AttributeName=pk,KeyType=HASH", "--billing-mode", "PAY_PER_REQUEST")
    aws("dynamodb", "wait", "table-exists", "--table-name", table)
    for i in range(5):
        aws("dynamodb", "put-item", "--table-name", table, "--item", json.dumps({"pk": {"S": str(i)}, "n": {"N": str(i)}}))
    assert aws("dynamodb", "get-item", "--table-name", table, "--key", '{"pk":{"S":"3"}}')["Item"]["n"] == {"N": "3"}
    assert aws("dynamodb", "scan", "--table-name", table, "--page-size", "2")["Count"] == 5
    found = aws("dynamodb", "query", "--table-name", table, "--key-condition-expression", "pk = :p",
                "--expression-attribute-values", '{":p":{"S":"1"}}', "--query", "Items[].n.N")
    assert found == ["1"]
    code, text = aws("dynamodb", "put-item", "--table-name", table, "--item", '{"pk":{"S":"1"}}',
                     "--condition-expression", "attribute_not_exists(pk)", ok=False)
    assert code in (254, 255) and "ConditionalCheckFailedException" in text
    aws("dynamodb", "delete-table", "--table-name", table)
    aws("dynamodb", "wait", "table-not-exists", "--table-name", table)


def test_kms(tmp_path):
    alias = "alias/" + unique("cli")
    key = aws("kms", "create-key", "--description", "cli", "--tags", "TagKey=a,TagValue=b")["KeyMetadata"]["KeyId"]
    aws("kms", "create-alias", "--alias-name", alias, "--target-key-id", key)
    plain = tmp_path / "plain"
    plain.write_text("secret")
    sealed = aws("kms", "encrypt", "--key-id", alias, "--plaintext", f"fileb://{plain}", "--encryption-context", "tenant_id=acme")["CiphertextBlob"]
    blob = tmp_path / "blob"
    blob.write_bytes(base64.b64decode(sealed))
    opened = aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}", "--encryption-context", "tenant_id=acme")
    assert base64.b64decode(opened["Plaintext"]) == b"secret"
    code, text = aws("kms", "decrypt", "--ciphertext-blob", f"fileb://{blob}", "--encryption-context", "tenant_id=globex", ok=False)
    assert code in (254, 255) and "InvalidCiphertextException" in text
    assert alias in {a["AliasName"] for a in aws("kms", "list-aliases", "--page-size", "2")["Aliases"]}


def test_cognito():
    pool = aws("cognito-idp", "create-user-pool", "--pool-name", unique("cli"), "--schema", "Name=tenant_id,AttributeDataType=String,Mutable=false")["UserPool"]["Id"]
    client = aws("cognito-idp", "create-user-pool-client", "--user-pool-id", pool, "--client-name", "cli",
                 "--explicit-auth-flows", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH")["UserPoolClient"]["ClientId"]
    aws("cognito-idp", "admin-create-user", "--user-pool-id", pool, "--username", "ann", "--message-action", "SUPPRESS",
        "--user-attributes", "Name=custom:tenant_id,Value=acme")
    aws("cognito-idp", "admin-set-user-password", "--user-pool-id", pool, "--username", "ann", "--password", "Correct-Horse-9-Battery", "--permanent")
    tokens = aws("cognito-idp", "initiate-auth", "--auth-flow", "USER_PASSWORD_AUTH", "--client-id", client,
                 "--auth-parameters", "USERNAME=ann,PASSWORD=Correct-Horse-9-Battery")["AuthenticationResult"]
    assert aws("cognito-idp", "get-user", "--access-token", tokens["AccessToken"])["Username"] == "ann"
    ids = aws("cognito-identity", "create-identity-pool", "--identity-pool-name", unique("cli"), "--no-allow-unauthenticated-identities",
              "--cognito-identity-providers", f"ProviderName=cognito-idp.{REGION}.amazonaws.com/{pool},ClientId={client}")["IdentityPoolId"]
    got = aws("cognito-identity", "get-id", "--identity-pool-id", ids, "--logins", f"cognito-idp.{REGION}.amazonaws.com/{pool}={tokens['IdToken']}")
    assert got["IdentityId"].startswith(REGION + ":")


def test_organizations_and_cloudtrail():
    assert account() in {a["Id"] for a in aws("organizations", "list-accounts")["Accounts"]}
    events = aws("cloudtrail", "lookup-events", "--lookup-attributes", "AttributeKey=EventName,AttributeValue=ListAccounts", "--max-items", "1")["Events"]
    assert events and events[0]["EventName"] == "ListAccounts"


@pytest.mark.parametrize("command", [["s3api", "list-buckets"], ["kms", "create-grant", "--key-id", "a", "--grantee-principal", "b", "--operations", "Decrypt"]])
def test_what_is_not_served_says_so(command):
    code, text = aws(*command, ok=False)
    assert code in (254, 255) and ("NotImplemented" in text or "No operation is at this path" in text), text
