"""Tables in an outside engine (tables.sh): what the engine holds of sealed rows, and tables that it has already."""

import os

import boto3
import pytest
from support import REGION, client, refused, unique

pytestmark = pytest.mark.skipif("BULKHEAD_TEST_ENGINE" not in os.environ, reason="runs with an outside table engine only (tables.sh)")

ddb = client("dynamodb")
KEYS = {"AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "kind")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by-kind", "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                                    "Projection": {"ProjectionType": "ALL"}}], "BillingMode": "PAY_PER_REQUEST"}


@pytest.fixture
def engine():
    return boto3.client("dynamodb", region_name=REGION, endpoint_url=os.environ["BULKHEAD_TEST_ENGINE"],
                        aws_access_key_id="engine", aws_secret_access_key="engine")


def row(pk, **more):
    return {"pk": {"S": pk}, "sk": {"S": "s"}, **{k: {"S": v} for k, v in more.items()}}


def test_the_engine_holds_nothing_readable_of_sealed_rows(engine):
    kms, tenant, name = client("kms"), unique("planted"), unique("sealed")
    kms.create_alias(AliasName=f"alias/rows-{tenant}", TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    ddb.create_table(TableName=name, Tags=[{"Key": "bulkhead:owner-key", "Value": "${tenant}#*"},
                                           {"Key": "bulkhead:seal-key", "Value": "alias/rows-${tenant}"}], **KEYS)
    pk = f"{tenant}#1"
    key = {"pk": {"S": pk}, "sk": {"S": "s"}}
    ddb.put_item(TableName=name, Item=row(pk, kind="planted-kind", secret="planted-value"), ConditionExpression="attribute_not_exists(pk)")
    ddb.update_item(TableName=name, Key=key, UpdateExpression="SET more = :m", ConditionExpression="secret = :s",
                    ExpressionAttributeValues={":m": {"S": "planted-more"}, ":s": {"S": "planted-value"}})
    with refused("ConditionalCheckFailedException"):
        ddb.delete_item(TableName=name, Key=key, ConditionExpression="secret <> :s", ExpressionAttributeValues={":s": {"S": "planted-value"}})
    ddb.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": row(pk + "x", kind="planted-kind")}}, {"ConditionCheck": {
        "TableName": name, "Key": key, "ConditionExpression": "attribute_exists(more)"}}])
    found = ddb.query(TableName=name, IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": {"S": "planted-kind"}})
    assert sorted(i["pk"]["S"] for i in found["Items"]) == [pk, pk + "x"]
    there = next(n for n in engine.list_tables()["TableNames"] if n.endswith("." + name))
    stored = engine.scan(TableName=there)["Items"]
    assert len(stored) == 2 and all("bulkhead:row" in i for i in stored)
    assert b"planted" not in repr(stored).encode() and "secret" not in repr(stored)
    ddb.delete_table(TableName=name)
    assert there not in engine.list_tables()["TableNames"]


def test_a_table_of_the_engine_is_adopted(engine):
    there, name = unique("legacy"), unique("adopted")
    engine.create_table(TableName=there, **KEYS)
    engine.put_item(TableName=there, Item=row("acme#1", kind="k"))
    ddb.create_table(TableName=name, Tags=[{"Key": "bulkhead:outside-table", "Value": there}, {"Key": "bulkhead:owner-key", "Value": "${tenant}#*"}], **KEYS)
    assert ddb.scan(TableName=name)["Items"] == [row("acme#1", kind="k")]
    ddb.delete_table(TableName=name)
    assert engine.scan(TableName=there)["Count"] == 1
