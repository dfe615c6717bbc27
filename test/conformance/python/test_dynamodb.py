"""DynamoDB through boto3: item operations, expressions, indexes, transactions, errors, leading keys and the guard."""

from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from support import REGION, account, allow, assume, client, eventually, make_role, make_user, refused, trust, unchecked, unique

ddb = client("dynamodb")


def make_table(**more):
    name = unique("table")
    ddb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "kind")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{
            "IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "pk", "KeyType": "RANGE"}],
        }],
        **more,
    )
    ddb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    return name


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture
def rows(table):
    return boto3.resource("dynamodb", region_name=REGION).Table(table)


def s(value):
    return {"S": value}


def key(pk, sk="a"):
    return {"pk": s(pk), "sk": s(sk)}


def test_table(table):
    d = ddb.describe_table(TableName=table)["Table"]
    assert d["TableStatus"] == "ACTIVE" and d["TableArn"] == f"arn:aws:dynamodb:{REGION}:{account()}:table/{table}"
    assert d["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    assert d["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    names = [n for p in ddb.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1}) for n in p["TableNames"]]
    assert table in names and names == sorted(names)
    with refused("ResourceInUseException", f"Table already exists: {table}"):
        ddb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                         KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}])
    with refused("ResourceNotFoundException", "Requested resource not found: Table: none not found"):
        ddb.describe_table(TableName="none")
    with refused("ResourceNotFoundException", "Requested resource not found"):
        ddb.get_item(TableName="none", Key=key("x"))
    with refused("ValidationException"):
        ddb.create_table(TableName=unique("t"), BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                         AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "unused", "AttributeType": "S"}])


def test_tables_come_and_go():
    name = make_table(Tags=[{"Key": "a", "Value": "1"}])
    arn = ddb.describe_table(TableName=name)["Table"]["TableArn"]
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    ddb.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    ddb.update_table(TableName=name, DeletionProtectionEnabled=True)
    with refused("ValidationException", "deletion protection|Resource cannot be deleted"):
        ddb.delete_table(TableName=name)
    ddb.update_table(TableName=name, DeletionProtectionEnabled=False)
    ddb.delete_table(TableName=name)
    ddb.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def test_every_type_round_trips(rows):
    item = {
        "pk": "types", "sk": "a", "s": "ü", "n": Decimal("-12.5e10"), "b": b"\x00\xff", "t": True, "f": False, "z": None,
        "l": [1, "x", [None]], "m": {"k": {"d": Decimal("1")}}, "ss": {"a", "b"}, "ns": {Decimal("1"), Decimal("2.5")}, "bs": {b"x"},
        "e": "", "el": [], "em": {},
    }
    rows.put_item(Item=item)
    got = rows.get_item(Key={"pk": "types", "sk": "a"}, ConsistentRead=True)["Item"]
    got["b"], got["bs"] = bytes(got["b"]), {bytes(b) for b in got["bs"]}
    assert got == item


def test_put_conditions_and_return_values(rows):
    item = {"pk": "cond", "sk": "a", "v": 1}
    rows.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
    with refused("ConditionalCheckFailedException", "The conditional request failed", 400):
        rows.put_item(Item=item, ConditionExpression=Attr("pk").not_exists())
    try:
        rows.put_item(Item={**item, "v": 2}, ConditionExpression=Attr("v").gt(5), ReturnValuesOnConditionCheckFailure="ALL_OLD")
        raise AssertionError("was allowed")
    except ddb.exceptions.ClientError as e:
        assert e.response["Item"]["v"] == {"N": "1"}
    assert rows.put_item(Item={**item, "v": 2}, ReturnValues="ALL_OLD")["Attributes"]["v"] == 1
    assert rows.delete_item(Key={"pk": "cond", "sk": "a"}, ReturnValues="ALL_OLD", ConditionExpression="v = :v",
                            ExpressionAttributeValues={":v": 2})["Attributes"]["v"] == 2
    assert "Item" not in rows.get_item(Key={"pk": "cond", "sk": "a"})


def test_update_expressions(rows):
    where = {"pk": "upd", "sk": "a"}
    rows.update_item(Key=where, UpdateExpression="SET a = :one, l = :l, m = :m, ss = :ss",
                     ExpressionAttributeValues={":one": 1, ":l": [1, 2], ":m": {"x": 1}, ":ss": {"a", "b"}})
    rows.update_item(Key=where, UpdateExpression="REMOVE l[0], m.x")
    got = rows.update_item(
        Key=where,
        UpdateExpression="SET a = a + :one, b = if_not_exists(b, :five), l = list_append(l, :l), m.#y = :one ADD c :one DELETE ss :ss",
        ExpressionAttributeNames={"#y": "y"},
        ExpressionAttributeValues={":one": 1, ":five": 5, ":l": [3], ":ss": {"a"}}, ReturnValues="ALL_NEW")["Attributes"]
    assert got == {**where, "a": 2, "b": 5, "l": [2, 3], "m": {"y": 1}, "ss": {"b"}, "c": 1}
    got = rows.update_item(Key=where, UpdateExpression="SET a = :x", ExpressionAttributeValues={":x": 9}, ReturnValues="UPDATED_OLD")
    assert got["Attributes"] == {"a": 2}
    with refused("ValidationException", "Two document paths overlap with each other"):
        rows.update_item(Key=where, UpdateExpression="SET m = :x REMOVE m.y", ExpressionAttributeValues={":x": 1})
    with refused("ValidationException", "Cannot update attribute pk. This attribute is part of the key"):
        rows.update_item(Key=where, UpdateExpression="SET pk = :x", ExpressionAttributeValues={":x": "y"})
    with refused("ValidationException", 'Invalid UpdateExpression: Syntax error; token: "<EOF>"'):
        rows.update_item(Key=where, UpdateExpression="SET a =")
    with refused("ValidationException", "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}"):
        rows.update_item(Key=where, UpdateExpression="SET a = :x", ExpressionAttributeValues={":x": 1, ":y": 1})
    with refused("ValidationException", "reserved keyword; reserved keyword: name"):
        rows.update_item(Key=where, UpdateExpression="SET name = :x", ExpressionAttributeValues={":x": 1})
    with refused("ValidationException", "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"):
        rows.update_item(Key=where, UpdateExpression="ADD a :x", ExpressionAttributeValues={":x": "text"})


def test_validation(table):
    with refused("ValidationException", "The provided key element does not match the schema"):
        ddb.get_item(TableName=table, Key={"pk": s("x")})
    with refused("ValidationException", "One or more parameter values were invalid: Missing the key sk in the item"):
        ddb.put_item(TableName=table, Item={"pk": s("x")})
    with refused("ValidationException", "Type mismatch for key pk expected: S actual: N"):
        ddb.put_item(TableName=table, Item={"pk": {"N": "1"}, "sk": s("a")})
    with refused("ValidationException", "empty string value"):
        ddb.put_item(TableName=table, Item=key(""))
    with refused("ValidationException", "Item size has exceeded the maximum allowed size"):
        ddb.put_item(TableName=table, Item={**key("big"), "v": s("x" * 409600)})
    with refused("ValidationException", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"):
        unchecked("dynamodb").put_item(TableName=table, Item={**key("x"), "v": {}})


def test_query(rows, table):
    for i in range(10):
        rows.put_item(Item={"pk": "q", "sk": f"{i:02}", "n": i, "kind": "even" if i % 2 == 0 else "odd"})
    got = rows.query(KeyConditionExpression=Key("pk").eq("q") & Key("sk").between("03", "06"))
    assert [r["sk"] for r in got["Items"]] == ["03", "04", "05", "06"] and got["Count"] == 4
    got = rows.query(KeyConditionExpression=Key("pk").eq("q") & Key("sk").begins_with("0"), ScanIndexForward=False, Limit=3)
    assert [r["sk"] for r in got["Items"]] == ["09", "08", "07"] and got["LastEvaluatedKey"] == {"pk": "q", "sk": "07"}
    got = rows.query(KeyConditionExpression=Key("pk").eq("q"), FilterExpression=Attr("n").lt(3), ProjectionExpression="sk")
    assert got["Items"] == [{"sk": "00"}, {"sk": "01"}, {"sk": "02"}] and got["ScannedCount"] == 10
    got = rows.query(IndexName="by-kind", KeyConditionExpression=Key("kind").eq("odd") & Key("pk").eq("q"), Select="COUNT")
    assert got["Count"] == 5 and "Items" not in got
    pages = ddb.get_paginator("query").paginate(
        TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": s("q")}, PaginationConfig={"PageSize": 3})
    assert [i["sk"]["S"] for p in pages for i in p["Items"]] == [f"{i:02}" for i in range(10)]
    with refused("ValidationException", "Query condition missed key schema element: pk"):
        rows.query(KeyConditionExpression=Key("sk").eq("00"))
    with refused("ValidationException", "The table does not have the specified index: none"):
        rows.query(IndexName="none", KeyConditionExpression=Key("pk").eq("q"))


def test_scan(rows, table):
    for i in range(5):
        rows.put_item(Item={"pk": f"scan-{i}", "sk": "a", "kind": "scanned"})
    got = rows.scan(FilterExpression=Attr("kind").eq("scanned"))
    assert {r["pk"] for r in got["Items"]} == {f"scan-{i}" for i in range(5)}
    seen = set()
    for segment in range(3):
        pages = ddb.get_paginator("scan").paginate(TableName=table, TotalSegments=3, Segment=segment, PaginationConfig={"PageSize": 2})
        seen |= {i["pk"]["S"] for p in pages for i in p["Items"]}
    assert {f"scan-{i}" for i in range(5)} <= seen


def test_batches(rows, table):
    with rows.batch_writer() as batch:
        for i in range(60):
            batch.put_item(Item={"pk": "batch", "sk": f"{i:02}"})
    got = ddb.batch_get_item(RequestItems={table: {"Keys": [key("batch", f"{i:02}") for i in range(100)], "ProjectionExpression": "sk"}})
    assert len(got["Responses"][table]) == 60 and not got["UnprocessedKeys"]
    with refused("ValidationException", "Provided list of item keys contains duplicates"):
        ddb.batch_get_item(RequestItems={table: {"Keys": [key("a"), key("a")]}})
    with refused("ValidationException", "Too many items requested for the BatchGetItem call|less than or equal to 100"):
        ddb.batch_get_item(RequestItems={table: {"Keys": [key(str(i)) for i in range(101)]}})
    with refused("ValidationException"):
        ddb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": key(str(i))}} for i in range(26)]})


def test_transactions(rows, table):
    def put(pk, **more):
        return {"Put": {"TableName": table, "Item": key(pk), **more}}

    ddb.transact_write_items(TransactItems=[put("t1"), put("t2"), {"Update": {
        "TableName": table, "Key": key("t3"), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}}])
    got = ddb.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": key(k)}} for k in ("t1", "t3", "none")])
    assert [("Item" in r) for r in got["Responses"]] == [True, True, False]
    try:
        ddb.transact_write_items(TransactItems=[put("t4"), put("t1", ConditionExpression="attribute_not_exists(pk)")])
        raise AssertionError("was allowed")
    except ddb.exceptions.TransactionCanceledException as e:
        assert [r["Code"] for r in e.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
        assert "[None, ConditionalCheckFailed]" in e.response["Error"]["Message"]
    assert "Item" not in ddb.get_item(TableName=table, Key=key("t4"))
    with refused("ValidationException", "Transaction request cannot include multiple operations on one item"):
        ddb.transact_write_items(TransactItems=[put("t1"), put("t1")])
    token = {"ClientRequestToken": unique("token")[:36]}
    add = [{"Update": {"TableName": table, "Key": key("t5"), "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}}]
    ddb.transact_write_items(TransactItems=add, **token)
    ddb.transact_write_items(TransactItems=add, **token)
    assert ddb.get_item(TableName=table, Key=key("t5"))["Item"]["n"] == {"N": "1"}
    with refused("IdempotentParameterMismatchException"):
        ddb.transact_write_items(TransactItems=[put("t6")], **token)


def test_consumed_capacity(table):
    got = ddb.put_item(TableName=table, Item=key("cap"), ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert got == {"TableName": table, "CapacityUnits": 1.0}


def tenant(table, name, *statements):
    """A client of a role that holds the statements, tagged for the tenant."""
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession"]), *statements)
    return client("dynamodb", assume(role, Tags=[{"Key": "TenantID", "Value": name}]))


ITEMS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query", "dynamodb:Scan",
         "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem"]


def own_rows(table):
    arn = f"arn:aws:dynamodb:{REGION}:{account()}:table/{table}"
    return allow(ITEMS, [arn, arn + "/index/*"], Condition={
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/TenantID}", "${aws:PrincipalTag/TenantID}#*"]}})


def attempts(table, ddb, t):
    """Every way to touch the row of a tenant."""
    k = key(t)
    values = {"ExpressionAttributeValues": {":p": s(t)}}
    return {
        "GetItem": lambda: ddb.get_item(TableName=table, Key=k),
        "PutItem": lambda: ddb.put_item(TableName=table, Item={**k, "v": s("x")}),
        "UpdateItem": lambda: ddb.update_item(TableName=table, Key=k, UpdateExpression="SET v = :p", **values),
        "Query": lambda: ddb.query(TableName=table, KeyConditionExpression="pk = :p", **values),
        "BatchGetItem": lambda: ddb.batch_get_item(RequestItems={table: {"Keys": [k]}}),
        "BatchWriteItem": lambda: ddb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": k}}]}),
        "TransactGetItems": lambda: ddb.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": k}}]),
        "TransactWriteItems": lambda: ddb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": k}}]),
        "DeleteItem": lambda: ddb.delete_item(TableName=table, Key=k),
    }


def test_leading_keys_keep_tenants_apart(table):
    acme = tenant(table, "acme", own_rows(table))
    for name, attempt in attempts(table, acme, "acme").items():
        attempt()
    for other in ("globex", "acme2", "acm", "ACME", "globex#acme", "PUBLIC#x"):
        for name, attempt in attempts(table, acme, other).items():
            with refused("AccessDeniedException"):
                attempt()
    mixed = [key("acme"), key("globex")]
    with refused("AccessDeniedException"):
        acme.batch_get_item(RequestItems={table: {"Keys": mixed}})
    with refused("AccessDeniedException"):
        acme.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": k}} for k in mixed])


def test_scan_is_the_policys_hole_without_the_guard(table):
    ddb.put_item(TableName=table, Item=key("globex"))
    acme = tenant(table, "acme", own_rows(table))
    seen = {i["pk"]["S"] for i in acme.scan(TableName=table)["Items"]}
    assert "globex" in seen  # AWS's behaviour to the letter: ForAllValues is true of no leading keys


@pytest.mark.parametrize("mode", ["deny", "filter"])
def test_the_guard_closes_it(mode):
    tags = [{"Key": "bulkhead:owner-key", "Value": "${tenant} ${tenant}#*"}, {"Key": "bulkhead:shared-keys", "Value": "PUBLIC#*"}]
    if mode == "filter":
        tags.append({"Key": "bulkhead:guard", "Value": "filter"})
    table = make_table(Tags=tags)
    for pk in ("acme", "acme#1", "globex", "globex#1", "PUBLIC#x"):
        ddb.put_item(TableName=table, Item={**key(pk), "kind": s("all")})
    everything = allow("dynamodb:*", "*")
    acme = tenant(table, "acme", everything)
    for attempt in attempts(table, acme, "acme").values():
        attempt()
    for name, attempt in attempts(table, acme, "globex").items():
        if mode == "filter" and name in ("GetItem", "Query", "BatchGetItem", "TransactGetItems"):
            assert "globex" not in str(attempt().get("Items", "")) + str(attempt().get("Item", ""))
            continue
        with refused("AccessDeniedException"):
            attempt()
    by_kind = dict(TableName=table, IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": s("all")})
    answers = [acme.query(**by_kind)]  # an index leaves foreign rows out in either mode: to refuse would tell of them
    if mode == "deny":
        with refused("AccessDeniedException"):
            acme.scan(TableName=table)
    else:
        answers.append(acme.scan(TableName=table))
    for answer in answers:
        pks = {i["pk"]["S"] for i in answer["Items"]}
        assert pks >= {"acme#1", "PUBLIC#x"} and not {p for p in pks if p.startswith("globex")}, answer
        assert answer["Count"] == answer["ScannedCount"] == len(answer["Items"]), answer
    # no tenant: the operator sees all
    assert len(ddb.scan(TableName=table)["Items"]) >= 4


def test_attributes_and_select_condition_keys(table):
    arn = f"arn:aws:dynamodb:{REGION}:{account()}:table/{table}"
    _, creds = make_user(allow(["dynamodb:GetItem", "dynamodb:Query"], arn, Condition={
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "public"]},
        "StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}}))
    narrow = client("dynamodb", creds)
    narrow.get_item(TableName=table, Key=key("acme"), ProjectionExpression="pk, #p", ExpressionAttributeNames={"#p": "public"})
    with refused("AccessDeniedException"):
        narrow.get_item(TableName=table, Key=key("acme"), ProjectionExpression="pk, secret")
    with refused("AccessDeniedException"):
        narrow.query(TableName=table, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": s("acme")})


def test_streams_show_changes_in_order():
    name = make_table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    streams = client("dynamodbstreams")
    arn = ddb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    assert [st["StreamArn"] for st in streams.list_streams(TableName=name)["Streams"]] == [arn]
    rows = boto3.resource("dynamodb", region_name=REGION).Table(name)
    for v in (1, 2, 3):
        rows.put_item(Item={"pk": "a", "sk": "s", "v": v})
    rows.delete_item(Key={"pk": "a", "sk": "s"})
    seen = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        it = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        page = streams.get_records(ShardIterator=it, Limit=3)
        seen += page["Records"]
        seen += streams.get_records(ShardIterator=page["NextShardIterator"])["Records"]
    assert [r["eventName"] for r in seen] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    assert [r["dynamodb"].get("NewImage", {}).get("v", {}).get("N") for r in seen] == ["1", "2", "3", None]
    assert [r["dynamodb"].get("OldImage", {}).get("v", {}).get("N") for r in seen] == [None, "1", "2", "3"]
    numbers = [r["dynamodb"]["SequenceNumber"] for r in seen]
    assert numbers == sorted(numbers) and len(set(r["eventID"] for r in seen)) == 4


def test_a_tenant_sees_only_its_own_records_of_a_stream():
    name = make_table(
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "bulkhead:owner-key", "Value": "${tenant}#*"}],
    )
    arn = ddb.describe_table(TableName=name)["Table"]["LatestStreamArn"]
    for pk in ("acme#1", "globex#1", "acme#2"):
        ddb.put_item(TableName=name, Item={"pk": s(pk), "sk": s("s")})
    role = make_role(trust({"AWS": account()}, ["sts:AssumeRole", "sts:TagSession"]), allow("dynamodb:*", "*"))
    streams = client("dynamodbstreams", assume(role, Tags=[{"Key": "TenantID", "Value": "acme"}]))
    seen = set()
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        it = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        seen |= {r["dynamodb"]["Keys"]["pk"]["S"] for r in streams.get_records(ShardIterator=it)["Records"]}
    assert seen == {"acme#1", "acme#2"}


def test_time_to_live_is_described():
    name = make_table()
    ddb.update_time_to_live(TableName=name, TimeToLiveSpecification={"AttributeName": "until", "Enabled": True})
    assert ddb.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}


def test_backups_and_recovery_restore_rows():
    name, copy, past = make_table(), unique("copy"), unique("past")
    ddb.put_item(TableName=name, Item={"pk": s("a"), "sk": s("s"), "kind": s("k"), "v": s("1")})
    ddb.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    arn = ddb.create_backup(TableName=name, BackupName="first")["BackupDetails"]["BackupArn"]
    ddb.put_item(TableName=name, Item={"pk": s("a"), "sk": s("s"), "kind": s("k"), "v": s("2")})
    assert eventually(lambda: ddb.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
    ddb.restore_table_from_backup(TargetTableName=copy, BackupArn=arn)
    ddb.restore_table_to_point_in_time(SourceTableName=name, TargetTableName=past, UseLatestRestorableTime=True)
    for table, v in ((copy, "1"), (past, "2")):
        ddb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
        got = ddb.query(TableName=table, IndexName="by-kind", KeyConditionExpression="kind = :k", ExpressionAttributeValues={":k": s("k")})
        assert [i["v"]["S"] for i in got["Items"]] == [v]
    with refused("BackupNotFoundException"):
        ddb.describe_backup(BackupArn=arn + "0")
