// Pattern 2: one pool, a group per tenant and kind of user, each with a role; the token says which, the credentials are its.
import {
  AdminAddUserToGroupCommand, CreateGroupCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, DescribeUserPoolClientCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { CognitoIdentityClient, CreateIdentityPoolCommand, SetIdentityPoolRolesCommand } from "@aws-sdk/client-cognito-identity";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { fromCognitoIdentityPool } from "@aws-sdk/credential-providers";
import { addUser, expect, identityPoolTrust, idp, makeRole, makeTable, readRows, refusal, region, signIn, unique } from "../lib/setup.mjs";

const identities = new CognitoIdentityClient();
const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({ PoolName: unique("groups") }));
const newClient = (more) => idp.send(new CreateUserPoolClientCommand({
  UserPoolId: pool, ClientName: "web", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], ...more,
}));
const client = (await newClient()).UserPoolClient.ClientId;
const provider = `cognito-idp.${region}.amazonaws.com/${pool}`;
const { IdentityPoolId } = await identities.send(new CreateIdentityPoolCommand({
  IdentityPoolName: unique("groups"), AllowUnauthenticatedIdentities: false, CognitoIdentityProviders: [{ ProviderName: provider, ClientId: client }],
}));
const table = await makeTable("groups", "acme#order", "acme#admin", "globex#order");

// A role per tenant and kind of user; the lowest precedence is the preferred role.
const trust = identityPoolTrust(IdentityPoolId, "authenticated", "sts:AssumeRoleWithWebIdentity");
const roles = {
  "acme-users": await makeRole("acme-users", trust, readRows(table, "acme#order")),
  "acme-admins": await makeRole("acme-admins", trust, readRows(table, "acme#*")),
  "globex-users": await makeRole("globex-users", trust, readRows(table, "globex#order")),
};
const precedence = { "acme-users": 20, "acme-admins": 10, "globex-users": 20 };
for (const [GroupName, RoleArn] of Object.entries(roles)) {
  await idp.send(new CreateGroupCommand({ UserPoolId: pool, GroupName, RoleArn, Precedence: precedence[GroupName] }));
}
await identities.send(new SetIdentityPoolRolesCommand({
  IdentityPoolId, Roles: {}, RoleMappings: { [`${provider}:${client}`]: { Type: "Token", AmbiguousRoleResolution: "Deny" } },
}));
const members = { ada: ["acme-users", "acme-admins"], bob: ["acme-users"], carol: ["globex-users"], dan: ["acme-users", "globex-users"], eve: [] };
for (const [Username, groups] of Object.entries(members)) {
  await addUser(pool, Username);
  for (const GroupName of groups) await idp.send(new AdminAddUserToGroupCommand({ UserPoolId: pool, Username, GroupName }));
}

// as signs a user in and reads a row with the user's own credentials.
async function as(name, customRoleArn) {
  const { session, claims } = await signIn(pool, client, name);
  const credentials = fromCognitoIdentityPool({
    identityPoolId: IdentityPoolId, logins: { [provider]: session.getIdToken().getJwtToken() }, clientConfig: { region }, customRoleArn,
  });
  const rows = new DynamoDBClient({ credentials });
  return { session, claims, read: (pk) => refusal(rows.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk } } }))) };
}

const ada = await as("ada");
expect("the groups are in the ID token", ada.claims["cognito:groups"].toSorted(), ["acme-admins", "acme-users"]);
expect("and in the access token", ada.session.getAccessToken().payload["cognito:groups"].toSorted(), ["acme-admins", "acme-users"]);
expect("with their roles", ada.claims["cognito:roles"].toSorted(), [roles["acme-admins"], roles["acme-users"]].toSorted());
expect("of which the lowest precedence is preferred", ada.claims["cognito:preferred_role"], roles["acme-admins"]);
expect("ada, an admin of acme, reads what admins read", await ada.read("acme#admin"), "was allowed");
expect("and nothing of globex", await ada.read("globex#order"), "AccessDeniedException");
expect("as a plain user, which she chooses, she reads less", await (await as("ada", roles["acme-users"])).read("acme#admin"), "AccessDeniedException");
const bob = await as("bob");
expect("bob reads orders", await bob.read("acme#order"), "was allowed");
expect("but not what admins read", await bob.read("acme#admin"), "AccessDeniedException");
expect("nor as an admin, which he is not", await (await as("bob", roles["acme-admins"])).read("acme#admin"), "NotAuthorizedException");
expect("carol, of globex, reads nothing of acme", await (await as("carol")).read("acme#order"), "AccessDeniedException");
const dan = await as("dan");
expect("two groups of one precedence prefer no role", dan.claims["cognito:preferred_role"], undefined);
expect("so there are no credentials", await dan.read("acme#order"), "NotAuthorizedException");
expect("nor for who is in no group", await (await as("eve")).read("acme#order"), "NotAuthorizedException");

// Refresh tokens live for 60 minutes to 10 years, 30 days unless the client says otherwise.
const { UserPoolClient } = await idp.send(new DescribeUserPoolClientCommand({ UserPoolId: pool, ClientId: client }));
expect("refresh tokens live for 30 days", UserPoolClient.RefreshTokenValidity, 30);
const units = { RefreshToken: "minutes", AccessToken: "minutes", IdToken: "minutes" };
const minutes = (n) => refusal(newClient({ RefreshTokenValidity: n, AccessTokenValidity: 5, IdTokenValidity: 5, TokenValidityUnits: units }));
expect("an hour is the least", [await minutes(59), await minutes(60)], ["InvalidParameterException", "was allowed"]);
const days = (n) => refusal(newClient({ RefreshTokenValidity: n }));
expect("ten years the most", [await days(3651), await days(3650)], ["InvalidParameterException", "was allowed"]);
