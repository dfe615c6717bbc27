// Pattern 3: a pool per tenant, with rules of its own; the application finds the pool by the mail domain or a code.
import { TOTP } from "otpauth";
import { AdminSetUserPasswordCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, SetUserPoolMfaConfigCommand } from "@aws-sdk/client-cognito-identity-provider";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { App, Browser, pages } from "../lib/browser.mjs";
import { addUser, bulkhead, endpoint, expect, idp, password, refusal, signIn, unique } from "../lib/setup.mjs";

// newTenant registers a tenant with a pool and where its users are found.
async function newTenant(name, passwords) {
  const id = unique(name);
  const { UserPool: { Id: pool } } = await idp.send(new CreateUserPoolCommand({ PoolName: id, Policies: { PasswordPolicy: passwords } }));
  const { UserPoolClient: { ClientId: client } } = await idp.send(new CreateUserPoolClientCommand({
    UserPoolId: pool, ClientName: "web", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH"], ...pages(["openid", "aws.cognito.signin.user.admin"], "COGNITO"),
  }));
  await bulkhead("POST", "/-/api/v1/tenants", { Id: id });
  // The same as: bulkhead tenant route create ID --user-pool … --client … --email-domain … --code …
  await bulkhead("POST", "/-/api/v1/tenant-routes", {
    TenantId: id, UserPoolId: pool, ClientId: client, EmailDomains: [`${id}.example`], Codes: [`${id}-2026`],
  });
  return { id, pool, client };
}

const acme = await newTenant("acme", { MinimumLength: 8 });
const globex = await newTenant("globex", { MinimumLength: 20, RequireSymbols: true, RequireNumbers: true });
await idp.send(new SetUserPoolMfaConfigCommand({ UserPoolId: globex.pool, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: { Enabled: true } }));
await addUser(acme.pool, "ada");
await addUser(globex.pool, "gil");

const choose = ({ pool }, Username, Password) => refusal(idp.send(new AdminSetUserPasswordCommand({ UserPoolId: pool, Username, Password, Permanent: true })));
expect("nine characters do for acme", await choose(acme, "ada", "short-one"), "was allowed");
expect("but not for globex", await choose(globex, "gil", "short-one"), "InvalidPasswordException");
await choose(acme, "ada", password);

// The application's backend may look routes up, and nothing else.
async function backend() {
  const iam = new IAMClient(), UserName = unique("router");
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "routes", PolicyDocument: JSON.stringify({
    Version: "2012-10-17", Statement: { Effect: "Allow", Action: "bulkhead:ListTenantRoutes", Resource: "*" },
  }) }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}
const router = await backend();
async function find(by) {
  const { TenantRoutes } = await bulkhead("GET", `/-/api/v1/tenant-routes?${new URLSearchParams(by)}`, undefined, router);
  return TenantRoutes.map((r) => ({ id: r.TenantId, pool: r.UserPoolId, client: r.ClientId }));
}
expect("a mail domain leads to acme's pool", await find({ emailDomain: `${acme.id}.example` }), [acme]);
expect("a code to globex's", await find({ code: `${globex.id}-2026` }), [globex]);
expect("another's domain to none", await find({ emailDomain: "elsewhere.example" }), []);
expect("the backend makes no routes", await refusal(bulkhead("DELETE", `/-/api/v1/tenant-routes/${acme.id}`, undefined, router)), "AccessDeniedException");

// Anybody may ask where an address leads, and learns nothing: the answer is sealed, and there is one for every address.
const ask = async (EmailAddress) => (await (await fetch(`${endpoint}/-/api/v1/resolve-tenant`, {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ EmailAddress }),
})).json()).Route;
const [known, unknown] = [await ask(`ada@${acme.id}.example`), await ask("ada@elsewhere.example")];
expect("a stranger's answers look alike for tenants and for none", [known.length === unknown.length, known === unknown], [true, false]);

// So an application may leave the finding to the server's own pages. They show nothing of a tenant before the password is right.
async function found(email, username) {
  const app = App.anybodys(), browser = new Browser();
  const page = await browser.submit(await browser.go(await app.start("openid")), { typed: email });
  return { app, page, end: await browser.submit(page, { username, password }) };
}
const visitor = await found(`ada@${acme.id}.example`, "ada");
const { iss, client_id: whose } = Object.fromEntries(new URL(visitor.end.to).searchParams);
expect("acme's user comes back from the pages as acme's", [whose, iss.endsWith(acme.pool)], [acme.client, true]);
visitor.app.config = (await App.of(acme.pool, whose)).config; // one of its tenants, as the application knows
expect("and the code is for acme's client", (await visitor.app.tokens(visitor.end)).claims()["cognito:username"], "ada");
const stranger = await found("ada@elsewhere.example", "ada");
const seen = ({ page }) => [page.status, /<h1>[^<]*/.exec(page.body)[0], /type="password"/.test(page.body)];
expect("a stranger sees the same pages, and gets nowhere", [seen(stranger), stranger.end.to], [seen(visitor), null]);

// acme's user signs in on the pages of acme's pool, with a code that the application redeems.
const onPages = async ({ pool, client }, username) => {
  const app = await App.of(pool, client), browser = new Browser();
  const page = await browser.submit(await browser.go(await app.start("openid")), { username, password });
  return { app, browser, page };
};
const ada = await onPages((await find({ emailDomain: `${acme.id}.example` }))[0], "ada");
expect("acme's user signs in", (await ada.app.tokens(ada.page)).claims()["cognito:username"], "ada");
expect("but not at globex", (await onPages(globex, "ada")).page.to, null);

// globex's rules ask for a second factor: it is set up once, then every sign-in asks for its code.
const { user, challenge } = await signIn(globex.pool, globex.client, "gil");
expect("globex's user has to set up a second factor", challenge, "MFA_SETUP");
const callbacks = (call, name) => new Promise((resolve, reject) => call({ onFailure: reject, onSuccess: resolve, [name]: resolve }));
const totp = new TOTP({ secret: await callbacks((on) => user.associateSoftwareToken(on), "associateSecretCode") });
await callbacks((on) => user.verifySoftwareToken(totp.generate(), "phone", on));
const gil = await onPages(globex, "gil");
expect("the pages ask for its code", [gil.page.to, /authenticator app/.test(gil.page.body)], [null, true]);
const wrong = await gil.browser.submit(gil.page, { totp_code: "000000" });
expect("a wrong code does not do", wrong.to, null);
const next = totp.generate({ timestamp: Date.now() + 30_000 }); // the one before is spent
const right = await gil.browser.submit(wrong, { totp_code: next });
expect("the right one does", (await gil.app.tokens(right)).claims()["cognito:username"], "gil");
