"""Exports and imports of tables: in the server's own directory (run.sh) and in a storage that speaks S3's API (objects.sh)."""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import secrets
import time
from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from support import REGION, account, allow, assume, client, make_role, refused, unique

ddb = client("dynamodb")
KEYS = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        "BillingMode": "PAY_PER_REQUEST"}


class Folder:
    """Buckets in the server's directory."""

    def __init__(self, root):
        self.root = pathlib.Path(root) / account()

    def make(self, bucket):
        (self.root / bucket).mkdir(parents=True)

    def keys(self, bucket):
        base = self.root / bucket
        return {str(f.relative_to(base)) for f in base.rglob("*") if f.is_file()}

    def get(self, bucket, key):
        return (self.root / bucket / key).read_bytes()

    def put(self, bucket, key, content):
        file = self.root / bucket / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


class Outside:
    """Buckets in an outside storage."""

    def __init__(self, url):
        self.s3 = boto3.client("s3", region_name=REGION, endpoint_url=url, aws_access_key_id="storage", aws_secret_access_key="storage")

    def make(self, bucket):
        self.s3.create_bucket(Bucket=bucket)

    def keys(self, bucket):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {o["Key"] for page in pages for o in page.get("Contents", [])}

    def get(self, bucket, key):
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def put(self, bucket, key, content):
        self.s3.put_object(Bucket=bucket, Key=key, Body=content)


OUTSIDE = os.environ.get("BULKHEAD_TEST_STORAGE")
store = Outside(OUTSIDE) if OUTSIDE else Folder(os.environ.get("BULKHEAD_TEST_OBJECTS", "/nonexistent"))


@pytest.fixture(scope="module")
def bucket():
    name = unique("dumps")
    store.make(name)
    return name


def table(name=None):
    name = name or unique("exported")
    ddb.create_table(TableName=name, **KEYS)
    ddb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    return name


def arn(name):
    return f"arn:aws:dynamodb:{REGION}:{account()}:table/{name}"


def ended(describe):
    for _ in range(600):
        d = describe()
        if d.get("ExportStatus", d.get("ImportStatus")) != "IN_PROGRESS":
            return d
        time.sleep(0.1)
    raise AssertionError("it does not end")


def export(name, bucket, **more):
    began = ddb.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket, **more)["ExportDescription"]
    return ended(lambda: ddb.describe_export(ExportArn=began["ExportArn"])["ExportDescription"])


def load(name, bucket, **more):
    began = ddb.import_table(**{"S3BucketSource": {"S3Bucket": bucket}, "InputFormat": "DYNAMODB_JSON",
                                "TableCreationParameters": {"TableName": name, **KEYS}, **more})["ImportTableDescription"]
    return ended(lambda: ddb.describe_import(ImportArn=began["ImportArn"])["ImportTableDescription"])


def rows(name):
    pages = ddb.get_paginator("scan").paginate(TableName=name)
    read = TypeDeserializer().deserialize
    return {(i["pk"]["S"], i["n"]["N"]): {k: read(v) for k, v in i.items()} for page in pages for i in page["Items"]}


ITEMS = [
    {"pk": "all", "n": 1, "s": "<ü\n\"\u2028🦑", "empty": "", "b": Binary(bytes(range(256))), "none": None, "yes": True, "no": False,
     "ss": {"a", "b"}, "ns": {Decimal(1), Decimal("-2.5")}, "bs": {Binary(b"\0"), Binary(b"\1")},
     "l": ["x", Decimal(1), [], {}, None], "m": {"a.b": {"c": Decimal("1E-20")}}, "P": "not the key"},
    {"pk": "numbers", "n": Decimal("-1E-100"), "max": Decimal("9" * 38), "digits": Decimal("0." + "1" * 38), "zero": Decimal(0)},
    {"pk": "large", "n": 2, "v": "y" * (400 * 1024 - 20)},
] + [{"pk": f"p{i % 50}", "n": i, "v": secrets.token_hex(50)} for i in range(500)]


def test_round_trip(bucket):
    name, again = table(), unique("imported")
    write = TypeSerializer().serialize
    for item in ITEMS:
        ddb.put_item(TableName=name, Item={k: write(v) for k, v in item.items()})
    want = rows(name)
    assert len(want) == len(ITEMS)
    d = export(name, bucket, S3Prefix="nightly", **({"S3SseAlgorithm": "AES256"} if OUTSIDE else {}))
    assert d["ExportStatus"] == "COMPLETED", d
    assert d["ItemCount"] == len(ITEMS) and d["BilledSizeBytes"] > 400 * 1024 and d["TableArn"] == arn(name)
    folder = d["ExportManifest"].removesuffix("manifest-summary.json")
    assert folder == "nightly/AWSDynamoDB/" + d["ExportArn"].rpartition("/")[2] + "/"
    summary = json.loads(store.get(bucket, d["ExportManifest"]))
    assert summary["itemCount"] == len(ITEMS) and summary["exportType"] == "FULL_EXPORT" and summary["exportArn"] == d["ExportArn"]
    files = [json.loads(line) for line in store.get(bucket, summary["manifestFilesS3Key"]).splitlines()]
    seen = 0
    for f in files:
        content = store.get(bucket, f["dataFileS3Key"])
        assert base64.b64encode(hashlib.md5(content).digest()).decode() == f["md5Checksum"]
        lines = gzip.decompress(content).splitlines()
        assert len(lines) == f["itemCount"] and all(json.loads(line).keys() == {"Item"} for line in lines)
        seen += len(lines)
    assert seen == len(ITEMS)
    there = {f["dataFileS3Key"] for f in files} | {folder + n for n in (
        "_started", "manifest-files.json", "manifest-files.md5", "manifest-summary.json", "manifest-summary.md5")}
    assert {k for k in store.keys(bucket) if k.startswith(folder)} == there
    m = load(again, bucket, S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": folder + "data/"}, InputCompressionType="GZIP")
    assert m["ImportStatus"] == "COMPLETED" and m["ImportedItemCount"] == m["ProcessedItemCount"] == len(ITEMS) and m["ErrorCount"] == 0, m
    assert rows(again) == want
    assert ddb.describe_table(TableName=again)["Table"]["TableId"] == m["TableId"]
    assert d["ExportArn"] in {x["ExportArn"] for x in ddb.list_exports(TableArn=arn(name))["ExportSummaries"]}
    assert [x["ImportArn"] for x in ddb.list_imports(TableArn=arn(again))["ImportSummaryList"]] == [m["ImportArn"]]


def test_csv_and_errors(bucket):
    store.put(bucket, "csv/good.csv", b"pk,n,v\nx,1,12\ny,2,\"a,\nb\"\n")
    store.put(bucket, "csv/worse.csv", b"pk,n,v\nz,seven,1\n")
    name = unique("csv")
    m = load(name, bucket, S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": "csv/"}, InputFormat="CSV")
    assert m["ImportStatus"] == "FAILED" and m["FailureCode"] == "ItemValidationError" and "csv/worse.csv" in m["FailureMessage"], m
    assert (m["ImportedItemCount"], m["ErrorCount"]) == (2, 1)
    assert rows(name)[("y", "2")] == {"pk": "y", "n": 2, "v": "a,\nb"}


def test_refusals(bucket):
    name = table()
    assert export(name, unique("nowhere"))["FailureCode"] == "S3NoSuchBucket"
    gone = unique("gone")
    assert load(gone, unique("nowhere"))["FailureCode"] == "S3NoSuchBucket"
    assert gone not in ddb.list_tables()["TableNames"]
    with refused("TableNotFoundException"):
        ddb.export_table_to_point_in_time(TableArn=arn(unique("none")), S3Bucket=bucket)
    with refused("InvalidExportTimeException"):
        ddb.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket, ExportTime=0)
    if not OUTSIDE:
        with refused("ValidationException"):
            ddb.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket, S3SseAlgorithm="AES256")


def test_permissions_of_the_caller_confine_prefixes(bucket):
    name = table()
    role = make_role(None, allow("dynamodb:*"), allow(["s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:GetObject"],
                                                      f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/Team}}/*"))
    team = assume(role, Tags=[{"Key": "Team", "Value": "blue"}])
    mine = client("dynamodb", team)
    mine.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket, S3Prefix="blue")
    for prefix in ("red", "blue2"):
        with refused("AccessDeniedException"):
            mine.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket, S3Prefix=prefix)
    with refused("AccessDeniedException"):
        mine.export_table_to_point_in_time(TableArn=arn(name), S3Bucket=bucket)
    with refused("AccessDeniedException"):  # which may not list
        mine.import_table(S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": "blue/"}, InputFormat="DYNAMODB_JSON",
                          TableCreationParameters={"TableName": unique("x"), **KEYS})
