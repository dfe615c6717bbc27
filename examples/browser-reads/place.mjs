// Sets up, as the operator: a user pool whose function says which organisation a user belongs to, an identity pool, a table
// with two organisations' rows and public ones, and a role for signed-in and one for anonymous browsers.
import { CreateUserPoolClientCommand, CreateUserPoolCommand } from "@aws-sdk/client-cognito-identity-provider";
import {
  CognitoIdentityClient, CreateIdentityPoolCommand, SetIdentityPoolRolesCommand, SetPrincipalTagAttributeMapCommand,
} from "@aws-sdk/client-cognito-identity";
import { account, identityPoolTrust, idp, makeRole, makeTable, readRows, region, unique } from "../lib/setup.mjs";

const identities = new CognitoIdentityClient();

// The organisations of examples/functions.py.
export const acme = "0b2f6c1e-6a53-4b8e-9f0d-3c1a5d7e9b01", globex = "7d94e2aa-1f3c-4c55-8b7e-52d0c6f8a402";

async function makeUsers() {
  const { UserPool: { Id: userPool } } = await idp.send(new CreateUserPoolCommand({
    PoolName: unique("readers"), AutoVerifiedAttributes: ["email"], Schema: [{ Name: "org", AttributeDataType: "String", Mutable: true }],
    UserPoolTags: { "bulkhead:tenant-attribute": "custom:org" }, // the function sets it, users never do
    LambdaConfig: { PostConfirmation: `arn:aws:lambda:${region}:${account}:function:post_confirmation` },
  }));
  const { UserPoolClient: { ClientId: client } } = await idp.send(new CreateUserPoolClientCommand({
    UserPoolId: userPool, ClientName: "browser", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
  }));
  return { userPool, client };
}

async function makeIdentities({ userPool, client }, table) {
  const ProviderName = `cognito-idp.${region}.amazonaws.com/${userPool}`;
  const { IdentityPoolId } = await identities.send(new CreateIdentityPoolCommand({
    IdentityPoolName: unique("readers"), AllowUnauthenticatedIdentities: true, CognitoIdentityProviders: [{ ProviderName, ClientId: client }],
  }));
  await identities.send(new SetPrincipalTagAttributeMapCommand({
    IdentityPoolId, IdentityProviderName: ProviderName, UseDefaults: false, PrincipalTags: { org: "custom:org", username: "sub", client: "aud" },
  }));
  const api = { Effect: "Allow", Action: "execute-api:Invoke", Resource: `arn:aws:execute-api:${region}:${account}:api/$default/GET/\${aws:PrincipalTag/org}/*` };
  const authenticated = await makeRole("signed-in", identityPoolTrust(IdentityPoolId, "authenticated"),
    readRows(table, "PUBLIC#*"), readRows(table, "${aws:PrincipalTag/org}#*"), api);
  const unauthenticated = await makeRole("anonymous", identityPoolTrust(IdentityPoolId, "unauthenticated"), readRows(table, "PUBLIC#*"));
  await identities.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles: { authenticated, unauthenticated } }));
  return IdentityPoolId;
}

// makePlace returns what the page needs to know.
export async function makePlace() {
  const table = await makeTable("readers", "PUBLIC#news", `${acme}#order`, `${globex}#order`, "#order");
  const users = await makeUsers();
  return { region, table, ...users, identityPool: await makeIdentities(users, table) };
}
