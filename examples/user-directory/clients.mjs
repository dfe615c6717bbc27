// Pattern 4: one pool, an app client per tenant with scopes, branding and an identity provider of its own.
import {
  CreateIdentityProviderCommand, CreateResourceServerCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, CreateUserPoolDomainCommand, SetUICustomizationCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { App, Browser, pages, payload } from "../lib/browser.mjs";
import { signInAt, startProvider } from "../lib/provider.mjs";
import { addUser, endpoint, expect, idp, password, refusal, unique } from "../lib/setup.mjs";

const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({
  PoolName: unique("clients"), Schema: [{ Name: "tenant_id", AttributeDataType: "String", Mutable: true }], UserPoolTags: { "bulkhead:tenant-attribute": "custom:tenant_id" },
}));
await idp.send(new CreateUserPoolDomainCommand({ UserPoolId: pool, Domain: unique("clients") })); // branding asks for one, as on AWS
const provider = await startProvider({ ann: { email: "ann@acme.example" } }, [`${endpoint}/${pool}/oauth2/idpresponse`]);
await idp.send(new CreateIdentityProviderCommand({
  UserPoolId: pool, ProviderName: "Acme", ProviderType: "OIDC", ProviderDetails: provider.details,
  AttributeMapping: { email: "email", "custom:tenant_id": "bulkhead:tenant=acme" },
}));
await addUser(pool, "gil", { "custom:tenant_id": "globex" });
await idp.send(new CreateResourceServerCommand({
  UserPoolId: pool, Identifier: "orders", Name: "Orders", Scopes: ["read", "write"].map((ScopeName) => ({ ScopeName, ScopeDescription: ScopeName })),
}));

async function newClient(colour, scopes, identityProvider) {
  const { UserPoolClient: { ClientId } } = await idp.send(new CreateUserPoolClientCommand({
    UserPoolId: pool, ClientName: "web", ...pages(["openid", ...scopes], identityProvider),
  }));
  await idp.send(new SetUICustomizationCommand({ UserPoolId: pool, ClientId, CSS: `.submitButton-customizable { background-color: ${colour}; }` }));
  return ClientId;
}
const acme = await newClient("#aa0000", ["orders/read"], "Acme");
const globex = await newClient("#0000bb", ["orders/read", "orders/write"], "COGNITO");

// acme's client has one provider, so the browser goes straight there.
const acmeApp = await App.of(pool, acme), annsBrowser = new Browser();
const away = await annsBrowser.open(await acmeApp.start("openid orders/read"));
expect("acme's browser goes straight to acme's provider", away.to.startsWith(`${provider.issuer}/auth?`), true);
const ann = await acmeApp.tokens(await signInAt(annsBrowser, await annsBrowser.go(away.to), "ann"));
expect("and comes back as a user of acme", ann.claims()["custom:tenant_id"], "acme");
expect("with the scopes of acme's client", payload(ann.access_token).scope.split(" ").toSorted(), ["openid", "orders/read"]);
const more = await new Browser().open(await acmeApp.start("openid orders/write"));
expect("which gets no others", new URL(more.to).searchParams.get("error"), "invalid_scope");

// globex's client has the pool's own users, and its own looks.
const globexApp = await App.of(pool, globex), gilsBrowser = new Browser();
const page = await gilsBrowser.go(await globexApp.start("openid orders/write"));
const style = async (client) => (await (await fetch(`${endpoint}/${pool}/asset/style.css?client_id=${client}`)).text()).match(/#aa0000|#0000bb/g);
expect("globex's page offers no provider of acme's", /Acme/.test(page.body), false);
expect("and has globex's looks", [page.body.includes(`style.css?client_id=${globex}`), await style(globex)], [true, ["#0000bb"]]);
expect("not acme's", await style(acme), ["#aa0000"]);
const gil = await globexApp.tokens(await gilsBrowser.submit(page, { username: "gil", password }));
expect("globex's user signs in there", [gil.claims()["custom:tenant_id"], payload(gil.access_token).scope.includes("orders/write")], ["globex", true]);

// Neither gets through the other's client.
const forced = await new Browser().open(await globexApp.start("openid", { identity_provider: "Acme" }));
expect("globex's client sends nobody to acme's provider", [forced.status, forced.to], [400, null]);
const visit = await annsBrowser.go(await globexApp.start("openid"));
expect("acme's user, signed in, is nobody to globex's client", [visit.to, /type="password"/.test(visit.body)], [null, true]);
const again = await annsBrowser.go(await acmeApp.start("openid"));
expect("but still somebody to acme's", new URL(again.to).searchParams.has("code"), true);
acmeApp.config = globexApp.config;
expect("acme's code is worth nothing to globex's client", await refusal(acmeApp.tokens(again)), "ResponseBodyError");
provider.close();
