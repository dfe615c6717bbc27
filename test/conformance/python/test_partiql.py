"""PartiQL through boto3: statements, pages, batches, transactions, and what policies see of them."""

import pytest
from support import account, allow, assume, client, eventually, make_role, refused, trust, unique

ddb = client("dynamodb")


@pytest.fixture(scope="module")
def table():
    name = unique("music")
    ddb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "kind")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{"IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}]}],
    )
    ddb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    for pk in ("acme", "globex"):
        for i in range(5):
            run(f"INSERT INTO \"{name}\" VALUE {{'pk': ?, 'sk': ?, 'kind': 'k', 'n': ?, 'tags': <<'a', 'b'>>}}", pk, str(i), i)
    return name


def value(v):
    return {"N": str(v)} if isinstance(v, int) else {"S": v}


def run(text, *parameters, by=ddb, **more):
    if parameters:
        more["Parameters"] = [value(p) for p in parameters]
    return by.execute_statement(Statement=text, **more)


def keys(items):
    return [(i["pk"]["S"], i["sk"]["S"]) for i in items]


def test_statements(table):
    t = f'"{table}"'
    assert keys(run(f"SELECT pk, sk FROM {t} WHERE pk = ? AND n BETWEEN 1 AND 2", "acme")["Items"]) == [("acme", "1"), ("acme", "2")]
    assert keys(run(f"SELECT * FROM {t} WHERE pk IN ['globex', 'acme'] AND sk > '3' ORDER BY pk")["Items"]) == [("acme", "4"), ("globex", "4")]
    assert len(run(f"SELECT * FROM {t}.\"by-kind\" WHERE kind = 'k' AND contains(tags, 'b')")["Items"]) == 10
    out = run(f"UPDATE {t} SET n = n + 10 SET tags = set_delete(tags, <<'a'>>) WHERE pk = 'acme' AND sk = '0' RETURNING MODIFIED NEW *")
    assert out["Items"] == [{"n": {"N": "10"}, "tags": {"SS": ["b"]}}]
    with refused("DuplicateItemException", "Duplicate primary key exists in table"):
        run(f"INSERT INTO {t} VALUE {{'pk': 'acme', 'sk': '0'}}")
    with refused("ConditionalCheckFailedException", "The conditional request failed"):
        run(f"DELETE FROM {t} WHERE pk = 'acme' AND sk = '0' AND n = 1")
    with refused("ValidationException", "Statement wasn't well formed, can't be processed: Expected data manipulation"):
        run(f"SELECTT * FROM {t}")
    with refused("ResourceNotFoundException", "Requested resource not found"):
        run('SELECT * FROM "nowhere"')
    with refused("ValidationException", "Number of parameters in request and statement don't match."):
        run(f"SELECT * FROM {t} WHERE pk = ?")


def test_pages(table):
    text, seen, token = f"SELECT pk, sk FROM \"{table}\" WHERE pk IN ['acme', 'globex']", [], {}
    while True:
        out = run(text, Limit=3, **token)
        seen += keys(out["Items"])
        if "NextToken" not in out:
            break
        token = {"NextToken": out["NextToken"]}
    assert len(seen) == len(set(seen)) == 10
    with refused("ValidationException", "Invalid NextToken"):
        run(f'SELECT * FROM "{table}"', **token)


def test_batches_and_transactions(table):
    t = f'"{table}"'
    out = ddb.batch_execute_statement(Statements=[
        {"Statement": f"SELECT n FROM {t} WHERE pk = 'acme' AND sk = '1'"}, {"Statement": f"SELECT n FROM {t}"}, {"Statement": "nonsense"},
    ])["Responses"]
    assert out[0]["Item"] == {"n": {"N": "1"}} and [r["Error"]["Code"] for r in out[1:]] == ["ValidationError", "ValidationError"]
    change = [
        {"Statement": f"EXISTS(SELECT * FROM {t} WHERE pk = 'acme' AND sk = '1' AND n = 1)"},
        {"Statement": f"INSERT INTO {t} VALUE {{'pk': 'txn', 'sk': '1'}}"},
    ]
    for _ in range(2):  # once, whatever is lost on the way
        ddb.execute_transaction(TransactStatements=change, ClientRequestToken="once-" + table)
    with refused("TransactionCanceledException", r"for specific reasons \[None, DuplicateItem\]"):
        ddb.execute_transaction(TransactStatements=change)
    got = ddb.execute_transaction(TransactStatements=[{"Statement": f"SELECT * FROM {t} WHERE pk = 'txn' AND sk = '1'"}])
    assert keys(r["Item"] for r in got["Responses"]) == [("txn", "1")]


def test_policies(table):
    arn = ddb.describe_table(TableName=table)["Table"]["TableArn"]
    statement = allow("dynamodb:PartiQL*", arn, Condition={
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["acme"]}, "Null": {"dynamodb:LeadingKeys": "false"},
    })
    by = client("dynamodb", assume(make_role(trust({"AWS": account()}), statement)))
    text = f'SELECT * FROM "{table}" WHERE pk = '
    assert eventually(lambda: len(run(text + "'acme'", by=by)["Items"])) == 5
    for foreign in (text + "'globex'", text + "'acme' OR pk = 'globex'", text + "'acme' OR n = 1", f'SELECT * FROM "{table}"',
                    f"DELETE FROM \"{table}\" WHERE pk = 'globex' AND sk = '1'"):
        with refused("AccessDeniedException"):
            run(foreign, by=by)
    with refused("AccessDeniedException"):
        by.execute_transaction(TransactStatements=[{"Statement": f"SELECT * FROM \"{table}\" WHERE pk = 'globex' AND sk = '1'"}])
