"""What infrastructure code does with tables, through boto3: KMS keys of tables, policies of streams, throughput, life cycles."""

import pytest
from support import REGION, account, allow, assume, client, eventually, make_role, refused, unique

ddb = client("dynamodb")
kms = client("kms")

SCHEMA = dict(
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
)


def described(name):
    return ddb.describe_table(TableName=name)["Table"]


def make(**more):
    name = unique("table")
    ddb.create_table(TableName=name, **{**SCHEMA, **more})
    return name


def put(name, pk, v="1"):
    ddb.put_item(TableName=name, Item={"pk": {"S": pk}, "v": {"S": v}})


def keyed(key):
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


@pytest.fixture
def key():
    return kms.create_key()["KeyMetadata"]


def test_table_under_a_kms_key(key):
    alias = "alias/" + unique("tables")
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    for named in (key["KeyId"], key["Arn"], alias, f"arn:aws:kms:{REGION}:{account()}:{alias}"):
        name = make(SSESpecification=keyed(named))
        assert described(name)["SSEDescription"] == {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key["Arn"]}
    put(name, "x")
    read = lambda: ddb.get_item(TableName=name, Key={"pk": {"S": "x"}})["Item"]["v"]["S"]  # noqa: E731
    assert read() == "1"
    kms.disable_key(KeyId=key["KeyId"])
    with refused("AccessDeniedException", "KMS key access denied error: .*is disabled", 400):
        read()
    with refused("AccessDeniedException", "KMS key access denied"):
        ddb.scan(TableName=name)
    table = described(name)
    assert table["TableStatus"] == "INACCESSIBLE_ENCRYPTION_CREDENTIALS" and table["SSEDescription"]["InaccessibleEncryptionDateTime"]
    with refused("ValidationException", "is disabled"):
        make(SSESpecification=keyed(key["Arn"]))
    kms.enable_key(KeyId=key["KeyId"])
    assert read() == "1" and described(name)["TableStatus"] == "ACTIVE"
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    with refused("AccessDeniedException", "pending deletion"):
        read()
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    kms.enable_key(KeyId=key["KeyId"])


def test_key_of_a_table_with_rows(key):
    name = make()
    put(name, "x")
    assert "SSEDescription" not in described(name)
    other = kms.create_key()["KeyMetadata"]
    for k in (key, other):
        ddb.update_table(TableName=name, SSESpecification=keyed(k["KeyId"]))
        assert eventually(lambda: described(name)["TableStatus"] == "ACTIVE")
        assert described(name)["SSEDescription"]["KMSMasterKeyArn"] == k["Arn"]
    with refused("ValidationException", "Table is already encrypted by given KMSMasterKeyId"):
        ddb.update_table(TableName=name, SSESpecification=keyed(other["Arn"]))
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert ddb.scan(TableName=name)["Count"] == 1
    ddb.update_table(TableName=name, SSESpecification={"Enabled": False})
    assert "SSEDescription" not in described(name) and ddb.scan(TableName=name)["Count"] == 1


def test_aws_managed_key():
    name = make(SSESpecification={"Enabled": True})
    arn = described(name)["SSEDescription"]["KMSMasterKeyArn"]
    managed = kms.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"]
    assert managed["Arn"] == arn and managed["KeyManager"] == "AWS"
    assert described(make(SSESpecification=keyed("alias/aws/dynamodb")))["SSEDescription"]["KMSMasterKeyArn"] == arn
    assert kms.get_key_rotation_status(KeyId=managed["KeyId"])["KeyRotationEnabled"]
    for attempt in (
        lambda: kms.disable_key(KeyId=managed["KeyId"]), lambda: kms.encrypt(KeyId=arn, Plaintext=b"x"),
        lambda: kms.schedule_key_deletion(KeyId=managed["KeyId"]), lambda: kms.disable_key_rotation(KeyId=managed["KeyId"]),
        lambda: kms.create_alias(AliasName="alias/" + unique("mine"), TargetKeyId=managed["KeyId"]),
    ):
        with refused("AccessDeniedException"):
            attempt()


def test_who_sets_a_key_needs_it(key):
    mine = assume(make_role(None, allow("dynamodb:*"), name=unique("no-keys")))
    name = unique("table")
    with refused("AccessDeniedException", "KMS key access denied error: .*kms:DescribeKey", 400):
        client("dynamodb", mine).create_table(TableName=name, SSESpecification=keyed(key["Arn"]), **SCHEMA)
    with refused("ResourceNotFoundException"):
        described(name)
    through = {"Condition": {"StringEquals": {
        "kms:ViaService": f"dynamodb.{REGION}.amazonaws.com", "kms:EncryptionContext:aws:dynamodb:tableName": name,
        "kms:EncryptionContext:aws:dynamodb:subscriberId": account(),
    }}}
    look = {"Condition": {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}}}
    may = assume(make_role(None, allow("dynamodb:*"), allow("kms:DescribeKey", key["Arn"], **look), allow("kms:Encrypt", key["Arn"], **through)))
    with refused("AccessDeniedException"):
        client("kms", may).encrypt(KeyId=key["Arn"], Plaintext=b"x")
    with refused("AccessDeniedException", "kms:Encrypt"):
        client("dynamodb", may).create_table(TableName=unique("table"), SSESpecification=keyed(key["Arn"]), **SCHEMA)
    client("dynamodb", may).create_table(TableName=name, SSESpecification=keyed(key["Arn"]), **SCHEMA)
    put(name, "x")
    with refused("AccessDeniedException", "KMS key access denied"):
        client("dynamodb", mine).update_table(TableName=make(), SSESpecification=keyed(key["Arn"]))


def test_restores_keep_the_key(key):
    name = make(SSESpecification=keyed(key["Arn"]))
    put(name, "x")
    arn = ddb.create_backup(TableName=name, BackupName="mine")["BackupDetails"]["BackupArn"]
    assert eventually(lambda: ddb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    source = ddb.describe_backup(BackupArn=arn)["BackupDescription"]["SourceTableFeatureDetails"]
    assert source["SSEDescription"]["KMSMasterKeyArn"] == key["Arn"]
    for override, want in (({}, key["Arn"]), ({"SSESpecificationOverride": {"Enabled": False}}, None)):
        to = unique("restored")
        ddb.restore_table_from_backup(BackupArn=arn, TargetTableName=to, **override)
        assert eventually(lambda: described(to)["TableStatus"] == "ACTIVE")
        assert described(to).get("SSEDescription", {}).get("KMSMasterKeyArn") == want and ddb.scan(TableName=to)["Count"] == 1
