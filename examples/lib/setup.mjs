// What the examples share: the operator's clients, roles, sign-in as a browser does it, and the check of each claim.
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { CreateTableCommand, DynamoDBClient, PutItemCommand, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient,
} from "@aws-sdk/client-cognito-identity-provider";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import Cognito from "amazon-cognito-identity-js";

export const endpoint = process.env.AWS_ENDPOINT_URL;
export const region = process.env.AWS_REGION;

// unique makes names that are free, so that an example can run again on the same server.
export const unique = (name) => `${name}-${randomBytes(4).toString("hex")}`;

export const password = `Correct-Horse-9-${randomBytes(6).toString("hex")}`;

// expect prints what was tried and what came of it, and ends the example if that is not what it claims.
export function expect(what, got, want) {
  const holds = isDeepStrictEqual(got, want);
  console.log(`${holds ? "ok  " : "FAIL"} ${what}: ${JSON.stringify(got)}`);
  if (!holds) {
    console.log(`want ${JSON.stringify(want)}`);
    process.exit(1);
  }
}

// refusal is the name of the error that the promise ends with.
export const refusal = (promise) => promise.then(() => "was allowed", (e) => e.name);

export const idp = new CognitoIdentityProviderClient();
const iam = new IAMClient();
const rows = new DynamoDBClient();

export const { Account: account } = await new STSClient().send(new GetCallerIdentityCommand());

const policy = (...Statement) => JSON.stringify({ Version: "2012-10-17", Statement });

// makeRole makes a role with one policy and returns its ARN.
export async function makeRole(name, trust, ...statements) {
  const RoleName = unique(name);
  const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy(trust) }));
  if (statements.length > 0) await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "rows", PolicyDocument: policy(...statements) }));
  return Role.Arn;
}

// identityPoolTrust lets identities of the pool take a role, "authenticated" or "unauthenticated" ones.
export const identityPoolTrust = (pool, amr, Action = ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]) => ({
  Effect: "Allow", Principal: { Federated: "cognito-identity.amazonaws.com" }, Action,
  Condition: {
    StringEquals: { "cognito-identity.amazonaws.com:aud": pool },
    "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": amr },
  },
});

// readRows allows reading the table's rows whose partition key is like the pattern.
export const readRows = (table, pattern) => ({
  Effect: "Allow", Action: ["dynamodb:GetItem", "dynamodb:Query"], Resource: `arn:aws:dynamodb:${region}:${account}:table/${table}`,
  Condition: { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [pattern] } },
});

// makeTable makes a table with a row for each partition key.
export async function makeTable(name, ...keys) {
  const TableName = unique(name);
  await rows.send(new CreateTableCommand({
    TableName, BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }], KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  }));
  await waitUntilTableExists({ client: rows, maxWaitTime: 20, minDelay: 1 }, { TableName });
  for (const pk of keys) await rows.send(new PutItemCommand({ TableName, Item: { pk: { S: pk }, text: { S: `this is ${pk}` } } }));
  return TableName;
}

// addUser makes a user with a password that holds.
export async function addUser(pool, name, attributes = {}) {
  const who = { UserPoolId: pool, Username: name };
  const UserAttributes = Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
  await idp.send(new AdminCreateUserCommand({ ...who, MessageAction: "SUPPRESS", UserAttributes }));
  await idp.send(new AdminSetUserPasswordCommand({ ...who, Password: password, Permanent: true }));
}

export const browserPool = (pool, client) => new Cognito.CognitoUserPool({ UserPoolId: pool, ClientId: client, endpoint });
export const browserUser = (pool, client, name) => new Cognito.CognitoUser({ Username: name, Pool: browserPool(pool, client) });

// done calls a function that takes a Node callback, and waits.
export const done = (call) => new Promise((resolve, reject) => call((e, value) => (e ? reject(e) : resolve(value))));

// signIn signs in by SRP, as a browser; it returns the user and the session, or the challenge that comes next.
export function signIn(pool, client, name) {
  const user = browserUser(pool, client, name);
  return new Promise((resolve, reject) => {
    const challenge = (kind) => () => resolve({ user, challenge: kind });
    user.authenticateUser(new Cognito.AuthenticationDetails({ Username: name, Password: password }), {
      onSuccess: (session) => resolve({ user, session, claims: session.getIdToken().payload }), onFailure: reject,
      mfaSetup: challenge("MFA_SETUP"), totpRequired: challenge("SOFTWARE_TOKEN_MFA"),
    });
  });
}

// bulkhead calls Bulkhead's own API, signed as AWS's are.
export async function bulkhead(method, path, body, credentials = fromNodeProviderChain()) {
  const url = new URL(path, endpoint);
  const request = {
    method, protocol: url.protocol, hostname: url.hostname, port: Number(url.port), path: url.pathname, query: Object.fromEntries(url.searchParams),
    headers: { host: url.host, "content-type": "application/json" }, body: body && JSON.stringify(body),
  };
  const signer = new SignatureV4({ service: "bulkhead", region, sha256: Sha256, credentials });
  const { headers } = await signer.sign(request);
  const answer = await fetch(url, { method, headers, body: request.body });
  const got = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(got.message), { name: answer.headers.get("x-amzn-errortype")?.split(":")[0] ?? `HTTP ${answer.status}` });
  return got;
}

// mailedCode is the code in the last message to the address, which the server keeps unless --mail sends it out.
export async function mailedCode(to) {
  const { Messages } = await bulkhead("GET", `/-/api/v1/messages?to=${encodeURIComponent(to)}`);
  return /\b[0-9]{6}\b/.exec(Messages.at(-1).Body)[0];
}
