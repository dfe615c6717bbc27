"""The guard and throughput through boto3: pages that pause, owners of indexes, tenants' shares, and a server that enforces capacity."""

import os
import pathlib
import secrets
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from support import REGION, account, allow, assume, client, make_role, refused, trust, unique

ddb = client("dynamodb")
ROOT = pathlib.Path(__file__).parents[3]
OWNER = {"Key": "bulkhead:owner-key", "Value": "${tenant}#*"}


def schema(**more):
    return {"AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "kind")],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "GlobalSecondaryIndexes": [{"IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"}, **more.pop("index", {}),
                                        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]}],
            "BillingMode": "PAY_PER_REQUEST", **more}


def row(pk, sk="s", **more):
    return {"pk": {"S": pk}, "sk": {"S": sk}, **{k: {"S": v} for k, v in more.items()}}


def session(name):
    """A session of a tenant whose policies allow everything."""
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession"]), allow("dynamodb:*", "*"))
    creds = assume(role, Tags=[{"Key": "TenantID", "Value": name}])
    return boto3.client("dynamodb", region_name=REGION, config=Config(retries={"total_max_attempts": 1}), aws_access_key_id=creds["AccessKeyId"],
                        aws_secret_access_key=creds["SecretAccessKey"], aws_session_token=creds["SessionToken"])


@pytest.fixture(scope="module")
def crowded():
    """A table where a tenant has few rows among much of another's."""
    name = unique("crowded")
    ddb.create_table(TableName=name, Tags=[OWNER, {"Key": "bulkhead:guard", "Value": "filter"}], **schema())
    for i in range(80):
        ddb.put_item(TableName=name, Item=row(f"globex#{i}", f"{i:03}", kind="all", v="x" * 380_000))
        if i % 9 == 0:
            ddb.put_item(TableName=name, Item=row(f"acme#{i}", f"{i:03}", kind="all"))
    return name


LISTS = {
    "scan": ("scan", {}),
    "scan with a limit": ("scan", {"Limit": 2}),
    "segment": ("scan", {"Segment": 0, "TotalSegments": 1}),
    "scan of an index": ("scan", {"IndexName": "by-kind"}),
    "query": ("query", {"IndexName": "by-kind", "KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "all"}}}),
    "query backwards": ("query", {"IndexName": "by-kind", "KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "all"}},
                                  "ScanIndexForward": False}),
}


@pytest.mark.parametrize("name", LISTS)
def test_pages_that_pause_go_on_with_what_the_client_gives_back(crowded, name):
    operation, arguments = LISTS[name]
    acme, seen, pages = session("acme"), [], 0
    for page in acme.get_paginator(operation).paginate(TableName=crowded, **arguments):
        pages += 1
        seen += [i["pk"]["S"] for i in page["Items"]]
        assert page["Count"] == page["ScannedCount"] == len(page["Items"])
        assert "globex" not in str(page.get("LastEvaluatedKey"))
    assert sorted(seen) == sorted(f"acme#{i}" for i in range(0, 80, 9))
    assert pages > 1


def test_the_key_of_a_pause_survives_the_resource_interface(crowded):
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession"]), allow("dynamodb:*", "*"))
    creds = assume(role, Tags=[{"Key": "TenantID", "Value": "acme"}])
    table = boto3.resource("dynamodb", region_name=REGION, aws_access_key_id=creds["AccessKeyId"], aws_secret_access_key=creds["SecretAccessKey"],
                           aws_session_token=creds["SessionToken"]).Table(crowded)
    page = table.scan(Select="COUNT")
    count = page["Count"]
    while "LastEvaluatedKey" in page:
        page = table.scan(Select="COUNT", ExclusiveStartKey=page["LastEvaluatedKey"])
        count += page["Count"]
    assert count == 9


def test_rows_stay_out_of_another_tenants_partition_of_an_index():
    name = unique("owned")
    ddb.create_table(TableName=name, Tags=[OWNER, {"Key": "bulkhead:index-owner-key", "Value": "by-kind=${tenant}"}], **schema())
    acme = session("acme")
    acme.put_item(TableName=name, Item=row("acme#1", kind="acme"))
    by_kind = {"TableName": name, "IndexName": "by-kind", "KeyConditionExpression": "kind = :k"}
    assert acme.query(**by_kind, ExpressionAttributeValues={":k": {"S": "acme"}})["Count"] == 1
    writes = {
        "put": lambda: acme.put_item(TableName=name, Item=row("acme#2", kind="globex")),
        "update": lambda: acme.update_item(TableName=name, Key=row("acme#1"), UpdateExpression="SET kind = :k", ExpressionAttributeValues={":k": {"S": "globex"}}),
        "batch": lambda: acme.batch_write_item(RequestItems={name: [{"PutRequest": {"Item": row("acme#2", kind="globex")}}]}),
        "transaction": lambda: acme.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": row("acme#2", kind="globex")}}]),
        "statement": lambda: acme.execute_statement(Statement=f"INSERT INTO \"{name}\" VALUE {{'pk': 'acme#2', 'sk': 's', 'kind': 'globex'}}"),
        "query": lambda: acme.query(**by_kind, ExpressionAttributeValues={":k": {"S": "globex"}}),
    }
    for attempt in writes.values():
        with refused("AccessDeniedException"):
            attempt()
    assert ddb.scan(TableName=name, IndexName="by-kind")["Count"] == 1


def test_a_tenant_over_its_share_leaves_the_others_theirs():
    name = unique("shares")
    ddb.create_table(TableName=name, Tags=[OWNER, {"Key": "bulkhead:tenant-capacity", "Value": "1/1"}], **schema())
    acme, globex = session("acme"), session("globex")
    with refused("ThrottlingException", "share of the tenant"):
        for _ in range(20):  # five minutes' capacity are there at once: 300 units
            acme.put_item(TableName=name, Item=row("acme#1", v="x" * 300_000))
    assert acme.get_item(TableName=name, Key=row("acme#1"))["Item"]
    globex.put_item(TableName=name, Item=row("globex#1"))
    ddb.put_item(TableName=name, Item=row("acme#2"))


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory):
    """A client of a server of its own that enforces throughput."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    key, secret = "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16)), secrets.token_hex(20)
    server = subprocess.Popen(
        [ROOT / "bin" / "bulkhead", "serve", "--listen", f"127.0.0.1:{port}", "--enforce-throughput", "--data", tmp_path_factory.mktemp("enforcing")],
        env={**os.environ, "BULKHEAD_STORE": "memory", "BULKHEAD_ROOT_ACCESS_KEY_ID": key, "BULKHEAD_ROOT_SECRET_ACCESS_KEY": secret},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            assert server.poll() is None, "the server did not start"
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url + "/-/readyz", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        def again(**config):
            return boto3.client("dynamodb", region_name=REGION, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret, config=Config(**config))

        impatient = again(retries={"total_max_attempts": 1})
        impatient.again = again
        yield impatient
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_throughput_is_enforced(enforcing):
    name, units = unique("small"), {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    enforcing.create_table(TableName=name, **schema(BillingMode="PROVISIONED", ProvisionedThroughput=units, index={"ProvisionedThroughput": units}))
    with refused("ProvisionedThroughputExceededException", "level of configured provisioned throughput for the table", 400):
        for _ in range(20):
            enforcing.put_item(TableName=name, Item=row("a", v="x" * 300_000))
    batch = {name: [{"PutRequest": {"Item": row("a", str(i))}} for i in range(3)]}
    with refused("ProvisionedThroughputExceededException"):
        enforcing.batch_write_item(RequestItems=batch)
    with pytest.raises(enforcing.exceptions.TransactionCanceledException) as e:
        enforcing.transact_write_items(TransactItems=[{"Put": {"TableName": name, "Item": row("b")}}])
    assert [r["Code"] for r in e.value.response["CancellationReasons"]] == ["ProvisionedThroughputExceeded"]
    with refused("ProvisionedThroughputExceededException"):
        for _ in range(20):
            enforcing.get_item(TableName=name, Key=row("a"), ConsistentRead=True)


def test_writes_wait_for_an_index(enforcing):
    name = unique("index")
    enforcing.create_table(TableName=name, **schema(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000},
        index={"ProvisionedThroughput": {"ReadCapacityUnits": 1000, "WriteCapacityUnits": 1}}))
    with refused("ProvisionedThroughputExceededException", "one or more global secondary indexes"):
        for i in range(20):
            enforcing.put_item(TableName=name, Item=row(str(i), kind="k", v="x" * 300_000))
    assert enforcing.query(TableName=name, IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": {"S": "k"}})["Count"] > 0


def test_the_sdk_tries_a_throttled_request_again(enforcing):
    name = unique("patient")
    enforcing.create_table(TableName=name, **schema(OnDemandThroughput={"MaxReadRequestUnits": 100, "MaxWriteRequestUnits": 1000}))
    patient = enforcing.again(retries={"mode": "standard", "total_max_attempts": 8})
    enforcing.put_item(TableName=name, Item=row("a", v="x" * 390_000))
    with refused("ThrottlingException", "maximum OnDemandThroughput"):
        for _ in range(1000):
            enforcing.get_item(TableName=name, Key=row("a"), ConsistentRead=True)
    answer = patient.get_item(TableName=name, Key=row("a"), ConsistentRead=True)
    assert answer["Item"]
