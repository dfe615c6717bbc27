// DynamoDB's document client, STS and KMS by the AWS SDK for JavaScript.
import { test } from "node:test";
import assert from "node:assert/strict";
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import {
  BatchWriteCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, paginateQuery, PutCommand, QueryCommand, TransactWriteCommand, UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { CreateAliasCommand, CreateKeyCommand, DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { account, allow, makeRole, operator, refused, region, unique } from "./support.mjs";

const documents = (config) => DynamoDBDocumentClient.from(new DynamoDBClient(config ?? {}));

async function makeTable() {
  const TableName = unique("js-table");
  const client = new DynamoDBClient();
  await client.send(new CreateTableCommand({
    TableName, BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }, { AttributeName: "sk", AttributeType: "N" }],
    KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  }));
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName });
  return TableName;
}

test("the document client reads what it wrote", async () => {
  const TableName = await makeTable();
  const rows = documents();
  const Item = { pk: "a", sk: 1, text: "ü", list: [1, "x", null, true], map: { deep: { n: 1.5 } }, set: new Set(["a", "b"]), raw: new Uint8Array([0, 255]) };
  await rows.send(new PutCommand({ TableName, Item }));
  const got = (await rows.send(new GetCommand({ TableName, Key: { pk: "a", sk: 1 }, ConsistentRead: true }))).Item;
  assert.deepEqual({ ...got, raw: [...got.raw] }, { ...Item, raw: [0, 255] });
  const updated = await rows.send(new UpdateCommand({
    TableName, Key: { pk: "a", sk: 1 }, UpdateExpression: "SET #t = :t ADD n :n", ExpressionAttributeNames: { "#t": "text" },
    ExpressionAttributeValues: { ":t": "new", ":n": 2 }, ReturnValues: "UPDATED_NEW",
  }));
  assert.deepEqual(updated.Attributes, { text: "new", n: 2 });
  await refused(rows.send(new PutCommand({ TableName, Item, ConditionExpression: "attribute_not_exists(pk)" })), "ConditionalCheckFailedException");
  await rows.send(new BatchWriteCommand({ RequestItems: { [TableName]: [2, 3, 4].map((sk) => ({ PutRequest: { Item: { pk: "a", sk } } })) } }));
  const seen = [];
  for await (const page of paginateQuery({ client: rows, pageSize: 2 }, {
    TableName, KeyConditionExpression: "pk = :p AND sk > :s", ExpressionAttributeValues: { ":p": "a", ":s": 1 },
  })) seen.push(...page.Items.map((i) => i.sk));
  assert.deepEqual(seen, [2, 3, 4]);
  await rows.send(new DeleteCommand({ TableName, Key: { pk: "a", sk: 4 } }));
  const left = await rows.send(new QueryCommand({ TableName, KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": "a" }, Select: "COUNT" }));
  assert.equal(left.Count, 3);
  await assert.rejects(
    rows.send(new TransactWriteCommand({ TransactItems: [
      { Put: { TableName, Item: { pk: "t", sk: 1 } } },
      { ConditionCheck: { TableName, Key: { pk: "none", sk: 1 }, ConditionExpression: "attribute_exists(pk)" } },
    ] })),
    (e) => {
      assert.equal(e.name, "TransactionCanceledException");
      assert.deepEqual(e.CancellationReasons.map((r) => r.Code), ["None", "ConditionalCheckFailed"]);
      return true;
    },
  );
});

test("a session's tags decide which rows it reaches", async () => {
  const TableName = await makeTable();
  const id = await account();
  const role = await makeRole(
    { Effect: "Allow", Principal: { AWS: id }, Action: ["sts:AssumeRole", "sts:TagSession"] },
    allow(["dynamodb:GetItem", "dynamodb:PutItem"], `arn:aws:dynamodb:${region}:${id}:table/${TableName}`, {
      "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["${aws:PrincipalTag/TenantID}"] },
    }),
  );
  const master = await operator();
  const acme = documents({
    credentials: fromTemporaryCredentials({
      masterCredentials: master, clientConfig: { region },
      params: { RoleArn: role, RoleSessionName: "js", Tags: [{ Key: "TenantID", Value: "acme" }] },
    }),
  });
  await acme.send(new PutCommand({ TableName, Item: { pk: "acme", sk: 1 } }));
  await refused(acme.send(new PutCommand({ TableName, Item: { pk: "globex", sk: 1 } })), "AccessDeniedException");
  await refused(acme.send(new GetCommand({ TableName, Key: { pk: "globex", sk: 1 } })), "AccessDeniedException");
  await refused(new STSClient({ credentials: master }).send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${id}:role/none`, RoleSessionName: "js" })), "AccessDenied");
});

test("STS tells who calls", async () => {
  const sts = new STSClient();
  assert.match((await sts.send(new GetCallerIdentityCommand())).Arn, /:root$/);
  const wrong = new STSClient({ credentials: { accessKeyId: "AKIAAAAAAAAAAAAAAAAA", secretAccessKey: "x" } });
  await refused(wrong.send(new GetCallerIdentityCommand()), "InvalidClientTokenId");
});

test("KMS seals under a context", async () => {
  const kms = new KMSClient();
  const { KeyMetadata } = await kms.send(new CreateKeyCommand());
  const alias = `alias/${unique("js")}`;
  await kms.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata.KeyId }));
  const EncryptionContext = { tenant_id: "acme" };
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId: alias, Plaintext: Buffer.from("secret"), EncryptionContext }));
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
  assert.equal(Buffer.from(opened.Plaintext).toString(), "secret");
  await refused(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: { tenant_id: "globex" } })), "InvalidCiphertextException");
  assert.equal((await kms.send(new GenerateDataKeyCommand({ KeyId: alias, KeySpec: "AES_256" }))).Plaintext.length, 32);
});
