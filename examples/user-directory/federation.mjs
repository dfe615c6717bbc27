// Pattern 5: users of a tenant's own identity provider. What it says of them is taken at each sign-in; whose they are is not.
import {
  AdminGetUserCommand, CreateIdentityProviderCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, DeleteIdentityProviderCommand,
  UpdateIdentityProviderCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { App, Browser, pages } from "../lib/browser.mjs";
import { signInAt, startProvider } from "../lib/provider.mjs";
import { endpoint, expect, idp, refusal, unique } from "../lib/setup.mjs";

const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({
  PoolName: unique("federation"),
  Schema: [{ Name: "tenant_id", AttributeDataType: "String", Mutable: true }, { Name: "employee", AttributeDataType: "String", Mutable: false }],
  UserPoolTags: { "bulkhead:tenant-attribute": "custom:tenant_id", "bulkhead:session-tags": "TenantID=custom:tenant_id" },
}));
const people = { ann: { email: "ann@acme.example", name: "Ann", employee: "7", tenant: "globex" } }; // acme's provider claims that she is globex's
const provider = await startProvider(people, [`${endpoint}/${pool}/oauth2/idpresponse`]);
const mapping = (tenant) => ({ email: "email", name: "name", "custom:employee": "employee", "custom:tenant_id": tenant });
const named = { UserPoolId: pool, ProviderName: "Acme" };
const create = (tenant) => idp.send(new CreateIdentityProviderCommand({
  ...named, ProviderType: "OIDC", ProviderDetails: provider.details, AttributeMapping: mapping(tenant),
}));

expect("no claim of a provider may say whose its users are", await refusal(create("tenant")), "InvalidParameterException");
await create("bulkhead:tenant=acme"); // the operator says it
const change = idp.send(new UpdateIdentityProviderCommand({ ...named, AttributeMapping: mapping("tenant") }));
expect("nor may one later", await refusal(change), "InvalidParameterException");

const { UserPoolClient: { ClientId: client } } = await idp.send(new CreateUserPoolClientCommand({
  UserPoolId: pool, ClientName: "web", ...pages(["openid", "email", "profile"], "Acme"),
}));
const app = await App.of(pool, client);
async function comeIn(login) {
  const browser = new Browser();
  return signInAt(browser, await browser.go(await app.start("openid email profile")), login);
}

const first = (await app.tokens(await comeIn("ann"))).claims();
expect("the user is made at the first sign-in", [first["cognito:username"], first.name, first.email], ["Acme_ann", "Ann", "ann@acme.example"]);
expect("and is acme's", [first["custom:tenant_id"], first["https://aws.amazon.com/tags"].principal_tags], ["acme", { TenantID: ["acme"] }]);
people.ann = { ...people.ann, name: "Ann Smith", email: "ann.smith@acme.example" };
const second = (await app.tokens(await comeIn("ann"))).claims();
expect("what the provider says is taken at each sign-in", [second.name, second.email, second.sub === first.sub], ["Ann Smith", "ann.smith@acme.example", true]);
expect("whose she is stays", second["custom:tenant_id"], "acme");
const signedIn = (page) => new URL(page.to).searchParams.has("code");
people.ann = { ...people.ann, employee: "8" };
expect("who comes with another value of an immutable attribute is not let in", signedIn(await comeIn("ann")), false);
people.ann = { ...people.ann, employee: "7" };
expect("and is, with the one before", signedIn(await comeIn("ann")), true);

// A provider that is made again under the name, for another tenant, does not inherit the users.
await idp.send(new DeleteIdentityProviderCommand(named));
await create("bulkhead:tenant=globex");
expect("a provider of globex's with the same name signs her in no more", signedIn(await comeIn("ann")), false);
const { UserAttributes } = await idp.send(new AdminGetUserCommand({ UserPoolId: pool, Username: "Acme_ann" }));
expect("and does not make her globex's", UserAttributes.find((a) => a.Name === "custom:tenant_id").Value, "acme");
provider.close();
