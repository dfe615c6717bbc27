// Functions in the sign-up and sign-in: one sets the tenant once an address is confirmed, one shapes the tokens. The server
// runs them (examples/functions.py) through --functions-endpoint.
import {
  AdminAddUserToGroupCommand, AdminConfirmSignUpCommand, CreateGroupCommand, CreateUserPoolClientCommand, CreateUserPoolCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import Cognito from "amazon-cognito-identity-js";
import { account, browserPool, browserUser, done, expect, idp, mailedCode, password, refusal, region, signIn, unique } from "../lib/setup.mjs";

const arn = (name) => `arn:aws:lambda:${region}:${account}:function:${name}`;
const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({
  PoolName: unique("triggers"), AutoVerifiedAttributes: ["email"], Schema: [{ Name: "org", AttributeDataType: "String", Mutable: true }],
  UserPoolTags: { "bulkhead:tenant-attribute": "custom:org" },
  LambdaConfig: { PostConfirmation: arn("post_confirmation"), PreTokenGenerationConfig: { LambdaVersion: "V2_0", LambdaArn: arn("pre_token") } },
}));
const { UserPoolClient: { ClientId: client } } = await idp.send(new CreateUserPoolClientCommand({
  UserPoolId: pool, ClientName: "web", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
}));
await idp.send(new CreateGroupCommand({ UserPoolId: pool, GroupName: "everybody" }));

const attribute = (Name, Value) => new Cognito.CognitoUserAttribute({ Name, Value });
const signUp = (name, email) => done((cb) => browserPool(pool, client).signUp(name, password, [attribute("email", email)], [], cb));
async function join(name, domain) {
  const email = `${unique(name)}@${domain}`;
  await signUp(name, email);
  await done(async (cb) => browserUser(pool, client, name).confirmRegistration(await mailedCode(email), false, cb));
  await idp.send(new AdminAddUserToGroupCommand({ UserPoolId: pool, Username: name, GroupName: "everybody" }));
  return signIn(pool, client, name);
}

const acme = "0b2f6c1e-6a53-4b8e-9f0d-3c1a5d7e9b01"; // in the operator's list, examples/functions.py
const { user, session, claims } = await join("ada", "acme.example");
expect("who confirms an address of acme's gets acme's organisation", claims["custom:org"], acme);
const move = done((cb) => user.updateAttributes([attribute("custom:org", "7d94e2aa-1f3c-4c55-8b7e-52d0c6f8a402")], cb));
expect("and cannot change it", await refusal(move), "NotAuthorizedException");
expect("a claim is added, a complex one", claims.plan, { name: "gold", seats: 5 });
expect("the organisation is a session tag", claims["https://aws.amazon.com/tags"].principal_tags, { org: [acme] });
expect("a claim is removed", "email" in claims, false);
const groups = [claims["cognito:groups"], session.getAccessToken().payload["cognito:groups"]];
expect("groups are changed, in both tokens", groups, [[`${acme}:member`], [`${acme}:member`]]);
const fresh = await done((cb) => user.refreshSession(session.getRefreshToken(), cb));
expect("and after a refresh", fresh.getIdToken().payload["cognito:groups"], [`${acme}:member`]);

const stranger = await join("sue", "elsewhere.example");
expect("an address of nobody's gives no organisation", [stranger.claims["custom:org"], stranger.claims["https://aws.amazon.com/tags"]], [undefined, undefined]);
await signUp("eve", `${unique("eve")}@acme.example`); // says that it is hers, and does not prove it
await idp.send(new AdminConfirmSignUpCommand({ UserPoolId: pool, Username: "eve" }));
expect("nor does one that was not confirmed", (await signIn(pool, client, "eve")).claims["custom:org"], undefined);
