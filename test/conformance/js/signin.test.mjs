// Sign-in to data as a browser does it: amazon-cognito-identity-js by SRP, then credentials of an identity pool.
import { before, test } from "node:test";
import assert from "node:assert/strict";
import Cognito from "amazon-cognito-identity-js";
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateUserPoolClientCommand, CreateUserPoolCommand, InitiateAuthCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import {
  CognitoIdentityClient, CreateIdentityPoolCommand, GetIdCommand, GetOpenIdTokenForDeveloperIdentityCommand, SetIdentityPoolRolesCommand, SetPrincipalTagAttributeMapCommand,
} from "@aws-sdk/client-cognito-identity";
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand, waitUntilTableExists } from "@aws-sdk/client-dynamodb";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromCognitoIdentity, fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { account, allow, endpoint, makeRole, refused, region, unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
const users = new CognitoIdentityProviderClient();
const identities = new CognitoIdentityClient();
let pool, client, identityPool, provider, table;

before(async () => {
  const made = await users.send(new CreateUserPoolCommand({
    PoolName: unique("js"), Schema: [{ Name: "org", AttributeDataType: "String", Mutable: false }],
  }));
  pool = made.UserPool.Id;
  client = (await users.send(new CreateUserPoolClientCommand({
    UserPoolId: pool, ClientName: "js", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
  }))).UserPoolClient.ClientId;
  for (const org of ["acme", "globex"]) {
    const who = { UserPoolId: pool, Username: `user-${org}` };
    await users.send(new AdminCreateUserCommand({ ...who, MessageAction: "SUPPRESS", UserAttributes: [{ Name: "custom:org", Value: org }] }));
    await users.send(new AdminSetUserPasswordCommand({ ...who, Password: password, Permanent: true }));
  }
  provider = `cognito-idp.${region}.amazonaws.com/${pool}`;
  identityPool = (await identities.send(new CreateIdentityPoolCommand({
    IdentityPoolName: unique("js"), AllowUnauthenticatedIdentities: true, DeveloperProviderName: "login.js", CognitoIdentityProviders: [{ ProviderName: provider, ClientId: client }],
  }))).IdentityPoolId;
  await identities.send(new SetPrincipalTagAttributeMapCommand({
    IdentityPoolId: identityPool, IdentityProviderName: provider, UseDefaults: false, PrincipalTags: { org: "custom:org", username: "sub", client: "aud" },
  }));
  await makeData();
});

async function makeData() {
  table = unique("js-signin");
  const admin = new DynamoDBClient();
  await admin.send(new CreateTableCommand({
    TableName: table, BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }], KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
  }));
  await waitUntilTableExists({ client: admin, maxWaitTime: 20, minDelay: 1 }, { TableName: table });
  for (const pk of ["acme#1", "globex#1", "PUBLIC#1"]) await admin.send(new PutItemCommand({ TableName: table, Item: { pk: { S: pk } } }));
  const arn = `arn:aws:dynamodb:${region}:${await account()}:table/${table}`;
  const trust = (amr, action) => ({
    Effect: "Allow", Principal: { Federated: "cognito-identity.amazonaws.com" }, Action: action,
    Condition: {
      StringEquals: { "cognito-identity.amazonaws.com:aud": identityPool },
      "ForAnyValue:StringLike": { "cognito-identity.amazonaws.com:amr": amr },
    },
  });
  const rows = (pattern) => allow(["dynamodb:GetItem", "dynamodb:Query"], arn, { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [pattern] } });
  await identities.send(new SetIdentityPoolRolesCommand({
    IdentityPoolId: identityPool,
    Roles: {
      authenticated: await makeRole(trust("authenticated", ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]), rows("PUBLIC#*"), rows("${aws:PrincipalTag/org}#*")),
      unauthenticated: await makeRole(trust("unauthenticated", "sts:AssumeRoleWithWebIdentity"), rows("PUBLIC#*")),
    },
  }));
}

function signIn(name, secret = password) {
  const user = new Cognito.CognitoUser({ Username: name, Pool: new Cognito.CognitoUserPool({ UserPoolId: pool, ClientId: client, endpoint }) });
  return new Promise((resolve, reject) => {
    user.authenticateUser(new Cognito.AuthenticationDetails({ Username: name, Password: secret }), {
      onSuccess: (session) => resolve({ user, session }), onFailure: reject, newPasswordRequired: () => reject(new Error("new password required")),
    });
  });
}

const get = (credentials, pk) => new DynamoDBClient({ credentials }).send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk } } }));

test("SRP sign-in by amazon-cognito-identity-js", async () => {
  const { user, session } = await signIn("user-acme");
  assert.equal(session.getIdToken().payload["custom:org"], "acme");
  assert.ok(session.isValid());
  const attributes = await new Promise((resolve, reject) => user.getUserAttributes((e, a) => (e ? reject(e) : resolve(a))));
  assert.equal(attributes.find((a) => a.getName() === "custom:org").getValue(), "acme");
  const fresh = await new Promise((resolve, reject) => user.refreshSession(session.getRefreshToken(), (e, s) => (e ? reject(e) : resolve(s))));
  assert.equal(fresh.getIdToken().payload.sub, session.getIdToken().payload.sub);
  await refused(signIn("user-acme", "Wrong-Horse-9-Battery"), "NotAuthorizedException");
});

test("a signed-in user reaches its organisation's rows and the public ones, through fromCognitoIdentityPool", async () => {
  const { session } = await signIn("user-acme");
  const credentials = fromCognitoIdentityPool({ identityPoolId: identityPool, logins: { [provider]: session.getIdToken().getJwtToken() }, clientConfig: { region } });
  assert.match((await new STSClient({ credentials }).send(new GetCallerIdentityCommand())).Arn, /assumed-role\/.*\/CognitoIdentityCredentials$/);
  assert.ok((await get(credentials, "acme#1")).Item);
  assert.ok((await get(credentials, "PUBLIC#1")).Item);
  await refused(get(credentials, "globex#1"), "AccessDeniedException");
  await refused(get(credentials, "#1"), "AccessDeniedException");
});

test("an anonymous browser reaches the public rows alone", async () => {
  const credentials = fromCognitoIdentityPool({ identityPoolId: identityPool, clientConfig: { region } });
  assert.ok((await get(credentials, "PUBLIC#1")).Item);
  for (const pk of ["acme#1", "globex#1", "#1"]) await refused(get(credentials, pk), "AccessDeniedException");
});

test("the SDK signs in with a password, without credentials of its own", async () => {
  const anonymous = new CognitoIdentityProviderClient({ credentials: { accessKeyId: "", secretAccessKey: "" } });
  const { AuthenticationResult } = await anonymous.send(new InitiateAuthCommand({
    AuthFlow: "USER_PASSWORD_AUTH", ClientId: client, AuthParameters: { USERNAME: "user-globex", PASSWORD: password },
  }));
  assert.ok(AuthenticationResult.IdToken);
});

test("a token of the developer gives credentials through fromCognitoIdentity, with the tags it was made with", async () => {
  const { IdentityId, Token } = await identities.send(new GetOpenIdTokenForDeveloperIdentityCommand({
    IdentityPoolId: identityPool, Logins: { "login.js": "alice" }, PrincipalTags: { org: "acme" },
  }));
  const of = (identityId) => fromCognitoIdentity({ identityId, logins: { "cognito-identity.amazonaws.com": Token }, clientConfig: { region } });
  assert.ok((await get(of(IdentityId), "acme#1")).Item);
  await refused(get(of(IdentityId), "globex#1"), "AccessDeniedException");
  const other = (await identities.send(new GetOpenIdTokenForDeveloperIdentityCommand({ IdentityPoolId: identityPool, Logins: { "login.js": "bob" } }))).IdentityId;
  await refused(get(of(other), "acme#1"), "NotAuthorizedException");
});

test("a guest who signs in keeps the identity, through fromCognitoIdentity", async () => {
  const identityId = (await identities.send(new GetIdCommand({ IdentityPoolId: identityPool }))).IdentityId;
  assert.ok((await get(fromCognitoIdentity({ identityId, clientConfig: { region } }), "PUBLIC#1")).Item);
  const { session } = await signIn("user-globex");
  const logins = { [provider]: session.getIdToken().getJwtToken() };
  assert.ok((await get(fromCognitoIdentity({ identityId, logins, clientConfig: { region } }), "globex#1")).Item);
  assert.equal((await identities.send(new GetIdCommand({ IdentityPoolId: identityPool, Logins: logins }))).IdentityId, identityId);
  await refused(get(fromCognitoIdentity({ identityId, clientConfig: { region } }), "PUBLIC#1"), "NotAuthorizedException");
});
