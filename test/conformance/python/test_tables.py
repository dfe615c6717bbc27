"""What infrastructure code does with tables, through boto3: KMS keys of tables, policies of streams, throughput, life cycles."""

import pytest
from botocore.exceptions import ClientError
from support import REGION, account, allow, assume, client, eventually, make_role, policy, refused, role_arn, unique
from test_organizations import make_account

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


def test_policy_of_a_stream():
    other = make_account()
    there = assume(role_arn("OrganizationAccountAccessRole", other))
    reader = client("dynamodbstreams", there)
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    name = make(StreamSpecification=stream)
    arn = described(name)["LatestStreamArn"]
    put(name, "x")
    with refused("AccessDeniedException"):
        reader.describe_stream(StreamArn=arn)
    with refused("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=arn)
    document = policy(allow(
        ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"], arn, Principal={"AWS": other},
    ))
    revision = ddb.put_resource_policy(ResourceArn=arn, Policy=document, ExpectedRevisionId="NO_POLICY")["RevisionId"]
    assert ddb.get_resource_policy(ResourceArn=arn)["RevisionId"] == revision
    records = []
    for shard in reader.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        at = reader.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        records += reader.get_records(ShardIterator=at)["Records"]
    assert [r["dynamodb"]["NewImage"]["pk"]["S"] for r in records] == ["x"]
    with refused("AccessDeniedException"):
        client("dynamodb", there).get_item(TableName=described(name)["TableArn"], Key={"pk": {"S": "x"}})
    with refused("PolicyNotFoundException"):
        ddb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId="other")
    assert ddb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=revision)["RevisionId"] == revision
    with refused("AccessDeniedException"):
        reader.get_records(ShardIterator=at)


class Provider:
    """The calls of the AWS provider of Terraform for aws_dynamodb_table, in its order, with what it waits for."""

    def __init__(self):
        self.name = unique("terraform")

    def table(self):
        return described(self.name)

    def active(self):
        assert eventually(lambda: self.table()["TableStatus"] == "ACTIVE")
        assert eventually(lambda: all(i["IndexStatus"] == "ACTIVE" for i in self.table().get("GlobalSecondaryIndexes", [])))

    def create(self, ttl=None, recovery=None, **config):
        ddb.create_table(TableName=self.name, **config)
        self.active()
        if ttl:
            self.time_to_live(ttl, True)
        if recovery:
            self.recovery(recovery)
        return self.read()

    def time_to_live(self, attribute, on):
        ddb.update_time_to_live(TableName=self.name, TimeToLiveSpecification={"AttributeName": attribute, "Enabled": on})
        want = "ENABLED" if on else "DISABLED"
        assert eventually(lambda: ddb.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]["TimeToLiveStatus"] == want)

    def recovery(self, days):
        ddb.update_continuous_backups(TableName=self.name, PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": bool(days), **({"RecoveryPeriodInDays": days} if days else {}),
        })
        assert eventually(lambda: self.recovers() == bool(days))

    def recovers(self):
        backups = ddb.describe_continuous_backups(TableName=self.name)["ContinuousBackupsDescription"]
        return backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"

    def update(self, **changes):
        ddb.update_table(TableName=self.name, **changes)
        self.active()

    def read(self):
        table = self.table()
        return {
            "table": table, "recovery": self.recovers(),
            "ttl": ddb.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"],
            "tags": {t["Key"]: t["Value"] for t in ddb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]},
        }

    def delete(self):
        ddb.delete_table(TableName=self.name)

        def gone():
            try:
                self.table()
            except ddb.exceptions.ResourceNotFoundException as e:
                return "Requested resource not found: Table: " in e.response["Error"]["Message"]

        assert eventually(gone)
        with refused("ResourceNotFoundException", "Requested resource not found: Table: "):
            ddb.delete_table(TableName=self.name)


def test_life_cycle_of_a_terraform_table(key):
    p = Provider()
    attribute = lambda n: {"AttributeName": n, "AttributeType": "S"}  # noqa: E731
    by = lambda name, attr: {  # noqa: E731
        "IndexName": name, "KeySchema": [{"AttributeName": attr, "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
    }
    made = p.create(
        ttl="until", recovery=7, BillingMode="PAY_PER_REQUEST", TableClass="STANDARD", DeletionProtectionEnabled=True,
        AttributeDefinitions=[attribute("pk"), attribute("a")], KeySchema=SCHEMA["KeySchema"],
        GlobalSecondaryIndexes=[{**by("by-a", "a"), "OnDemandThroughput": {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 10}}],
        OnDemandThroughput={"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 10},
        WarmThroughput={"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000},
        SSESpecification=keyed(key["Arn"]), StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        Tags=[{"Key": "env", "Value": "test"}],
    )
    t = made["table"]
    assert made["recovery"] and made["ttl"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"} and made["tags"] == {"env": "test"}
    assert t["SSEDescription"]["KMSMasterKeyArn"] == key["Arn"] and t["DeletionProtectionEnabled"] and t["TableClassSummary"]["TableClass"] == "STANDARD"
    assert t["WarmThroughput"]["Status"] == "ACTIVE" and t["OnDemandThroughput"]["MaxReadRequestUnits"] == 10
    assert t["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 10}
    assert p.read() == {**made, "table": p.table()}  # a plan right after finds nothing to change

    # A change of everything: indexes are removed, then the table is changed, then indexes are made, one request each.
    put(p.name, "x")
    p.update(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-a"}}])
    p.update(BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}, TableClass="STANDARD_INFREQUENT_ACCESS",
             DeletionProtectionEnabled=False, StreamSpecification={"StreamEnabled": False})
    throughput = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
    for name, attr in (("by-b", "b"), ("by-c", "c")):
        defined = [attribute(a["AttributeName"]) for a in p.table()["AttributeDefinitions"]] + [attribute(attr)]
        p.update(AttributeDefinitions=defined, GlobalSecondaryIndexUpdates=[{"Create": {**by(name, attr), "ProvisionedThroughput": throughput}}])
    p.update(GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "by-b", "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 3}}}])
    with refused("ValidationException", "Server-Side Encryption modification must be the only operation in the request"):
        ddb.update_table(TableName=p.name, SSESpecification={"Enabled": False}, DeletionProtectionEnabled=True)
    p.update(SSESpecification={"Enabled": False})
    with refused("ValidationException", "Time to live has been modified multiple times within a fixed interval"):
        p.time_to_live("until", False)  # as on AWS, where the provider's update fails too
    p.recovery(None)
    ddb.untag_resource(ResourceArn=t["TableArn"], TagKeys=["env"])
    ddb.tag_resource(ResourceArn=t["TableArn"], Tags=[{"Key": "team", "Value": "data"}])
    now = p.read()
    t = now["table"]
    assert not now["recovery"] and now["tags"] == {"team": "data"}
    assert "SSEDescription" not in t and "StreamSpecification" not in t and not t["DeletionProtectionEnabled"]
    assert {i["IndexName"]: i["ProvisionedThroughput"]["ReadCapacityUnits"] for i in t["GlobalSecondaryIndexes"]} == {"by-b": 3, "by-c": 2}
    assert t["ProvisionedThroughput"]["ReadCapacityUnits"] == 5 and t["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
    p.delete()


def test_resource_policy_of_terraform():
    name = make()
    arn = described(name)["TableArn"]
    with refused("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=arn)
    document = policy(allow("dynamodb:GetItem", arn, Principal={"AWS": account()}))
    ddb.put_resource_policy(ResourceArn=arn, Policy=document)
    got = ddb.get_resource_policy(ResourceArn=arn)
    assert got["Policy"] == document
    ddb.delete_resource_policy(ResourceArn=arn, ExpectedRevisionId=got["RevisionId"])
    with refused("PolicyNotFoundException"):
        ddb.get_resource_policy(ResourceArn=arn)


def test_what_is_refused():
    name = make()
    for attempt in (
        lambda: ddb.update_contributor_insights(TableName=name, ContributorInsightsAction="ENABLE"),
        lambda: ddb.enable_kinesis_streaming_destination(TableName=name, StreamArn=f"arn:aws:kinesis:{REGION}:{account()}:stream/x"),
        lambda: ddb.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": "us-west-2"}}]),
    ):
        with pytest.raises(ClientError) as e:
            attempt()
        assert "not supported" in e.value.response["Error"]["Message"], e.value.response
    with refused("ValidationException", "Too many tags"):
        make(Tags=[{"Key": f"k{i}", "Value": "v"} for i in range(51)])
