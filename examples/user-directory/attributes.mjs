// Pattern 1: one pool, the tenant in a custom attribute that users read and only the operator sets.
import {
  AddCustomAttributesCommand, AdminUpdateUserAttributesCommand, CreateUserPoolClientCommand, CreateUserPoolCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import Cognito from "amazon-cognito-identity-js";
import { addUser, browserPool, done, expect, idp, password, refusal, signIn, unique } from "../lib/setup.mjs";

const attribute = (Name, Value) => new Cognito.CognitoUserAttribute({ Name, Value });

const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({
  PoolName: unique("attributes"),
  Schema: [{ Name: "tenant_id", AttributeDataType: "String", Mutable: true }],
  UserPoolTags: {
    "bulkhead:tenant-attribute": "custom:tenant_id", // only Admin operations set it, whatever an app client may write
    "bulkhead:session-tags": "TenantID=custom:tenant_id", // ID tokens carry it as a session tag, without any function
  },
}));
await idp.send(new AddCustomAttributesCommand({ // added later; immutable: set when the user is made, or never
  UserPoolId: pool, CustomAttributes: [{ Name: "plan", AttributeDataType: "String", Mutable: false }],
}));
const app = async (name, WriteAttributes) => (await idp.send(new CreateUserPoolClientCommand({
  UserPoolId: pool, ClientName: name, ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH"], WriteAttributes,
}))).UserPoolClient.ClientId;
const careful = await app("web", ["email", "nickname"]);
const careless = await app("careless", ["email", "nickname", "custom:tenant_id", "custom:plan"]);

await addUser(pool, "ada", { "custom:tenant_id": "acme", "custom:plan": "gold" });
const { user, claims } = await signIn(pool, careful, "ada");
expect("the ID token says the tenant", claims["custom:tenant_id"], "acme");
expect("and has it as a session tag", claims["https://aws.amazon.com/tags"].principal_tags, { TenantID: ["acme"] });

const update = (u, ...named) => refusal(done((cb) => u.updateAttributes([attribute(...named)], cb)));
expect("a user changes a nickname", await update(user, "nickname", "countess"), "was allowed");
expect("but not the tenant", await update(user, "custom:tenant_id", "globex"), "NotAuthorizedException");
const second = await signIn(pool, careless, "ada");
expect("not even by an app client that may write it", await update(second.user, "custom:tenant_id", "globex"), "NotAuthorizedException");
for (const client of [careful, careless]) {
  const signUp = done((cb) => browserPool(pool, client).signUp("eve", password, [attribute("custom:tenant_id", "acme")], [], cb));
  expect("nobody signs up into a tenant", await refusal(signUp), "NotAuthorizedException");
}

const set = (Name, Value) => idp.send(new AdminUpdateUserAttributesCommand({ UserPoolId: pool, Username: "ada", UserAttributes: [{ Name, Value }] }));
expect("an administrator sets no immutable attribute", await refusal(set("custom:plan", "silver")), "InvalidParameterException");
await set("custom:tenant_id", "globex");
expect("an administrator moves the user", (await signIn(pool, careful, "ada")).claims["custom:tenant_id"], "globex");
