// Managed login in Chromium: every page, without JavaScript but for passkeys, which need it.
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import {
  AdminCreateUserCommand, AdminSetUserMFAPreferenceCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateIdentityProviderCommand,
  CreateUserPoolClientCommand, CreateUserPoolCommand, CreateUserPoolDomainCommand, SetUserPoolMfaConfigCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { launch, look, open, skip } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { messages, totp, unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
let server, users, browser, app, callback;

before(async () => {
  if (skip) return;
  // The application, and the providers that users are sent to.
  app = createServer((_, res) => { res.setHeader("Content-Type", "text/html"); res.end('<!doctype html><title>The app</title><link rel="icon" href="data:,">'); });
  await new Promise((done) => app.listen(0, "127.0.0.1", done));
  callback = `http://localhost:${app.address().port}/callback`;
  [server, browser] = await Promise.all([serve(), launch()]);
  users = new CognitoIdentityProviderClient(server.config);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  app?.closeAllConnections();
  app?.close();
});

// makePool makes a pool with a domain and an app, and returns its sign-in address.
async function makePool(settings = {}, app = {}) {
  const { Id } = (await users.send(new CreateUserPoolCommand({ PoolName: "Acme", AutoVerifiedAttributes: ["email"], EmailConfiguration: { EmailSendingAccount: "DEVELOPER" }, ...settings }))).UserPool;
  const Domain = unique("acme");
  await users.send(new CreateUserPoolDomainCommand({ UserPoolId: Id, Domain, ManagedLoginVersion: 2 }));
  const make = async (more) => (await users.send(new CreateUserPoolClientCommand({
    UserPoolId: Id, ClientName: "Acme Orders", AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ["code"], AllowedOAuthScopes: ["openid", "email"],
    CallbackURLs: [callback], LogoutURLs: [callback], SupportedIdentityProviders: ["COGNITO"], PreventUserExistenceErrors: "ENABLED", ...more,
  }))).UserPoolClient.ClientId;
  const base = `https://${Domain}.auth.us-east-1.localhost:${server.port}`;
  const start = (client, more) => `${base}/oauth2/authorize?${new URLSearchParams({
    client_id: client, redirect_uri: callback, response_type: "code", scope: "openid email", state: "s", ...more,
  })}`;
  const client = await make(app);
  return { id: Id, base, client, make, start, url: start(client) };
}

async function makeUser(pool, attributes = {}, more = {}) {
  const Username = more.Username ?? unique("user");
  await users.send(new AdminCreateUserCommand({
    UserPoolId: pool.id, MessageAction: "SUPPRESS", UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })), ...more, Username,
  }));
  if (!more.TemporaryPassword) await users.send(new AdminSetUserPasswordCommand({ UserPoolId: pool.id, Username, Password: password, Permanent: true }));
  return Username;
}

// mail is the code of the message that came last to an address.
const code = async (to) => (await messages(to, server)).at(-1).Body.match(/\b[0-9]{6,8}\b/)[0];
const wrong = (right) => (right.startsWith("0") ? "1" : "0") + right.slice(1);

// visitor is a browser at the start of a sign-in.
async function visitor(url, options = {}) {
  const v = await open(browser, options);
  const { page } = v;
  await page.goto(url);
  return {
    ...v,
    heading: (text) => page.getByRole("heading", { level: 1, name: text, exact: true }).waitFor(),
    alert: (text) => page.getByRole("alert").filter({ hasText: text }).waitFor(),
    notice: (text) => page.getByRole("status").filter({ hasText: text }).waitFor(),
    fill: (label, value) => page.getByLabel(label, { exact: true }).fill(value),
    press: (name) => page.getByRole("button", { name, exact: true }).click(),
    follow: (name) => page.getByRole("link", { name, exact: true }).click(),
    choose: async (label) => { await page.getByLabel(label).check(); await page.getByRole("button", { name: "Continue", exact: true }).click(); },
    async signIn(name, secret = password) {
      await this.fill(/^(Username|Email)/, name);
      await this.fill("Password", secret);
      await this.press("Sign in");
    },
    async arrived() {
      await page.waitForURL(`${callback}?*`);
      const query = new URL(page.url()).searchParams;
      assert.equal(query.get("state"), "s");
      assert.ok(query.get("code"), page.url());
    },
  };
}

describe("managed login in Chromium", { skip, concurrency: 2, timeout: 110000 }, () => {
  test("a visitor signs up, confirms the address, signs in, and sets a new password", async () => {
    const pool = await makePool({
      UsernameAttributes: ["email"], Schema: [{ Name: "name", Required: true }, { Name: "birthdate", Required: true }],
    });
    const v = await visitor(pool.url);
    const email = `${unique("ann")}@example.com`;
    await v.heading("Sign in");
    await look(v.page, "signin");
    await v.signIn("nobody@example.com");
    await v.alert("Incorrect");
    await look(v.page, "signin-wrong");
    await v.follow("Create an account");
    await look(v.page, "signup");
    await v.fill("Email address", email);
    await v.fill("Full name", "Ann Archer");
    await v.fill("Date of birth", "1990-01-02");
    await v.fill("Password", "short");
    await v.press("Create account");
    await v.alert("Password");
    await look(v.page, "signup-wrong");
    await v.fill("Password", password);
    await v.press("Create account");
    await v.heading("Confirm your account");
    await look(v.page, "confirm");
    await v.fill("Code", wrong(await code(email)));
    await v.press("Confirm account");
    await v.alert("code");
    await v.press("Send a new code");
    await v.notice("A new code is on its way.");
    await look(v.page, "confirm-resent");
    await v.fill("Code", await code(email));
    await v.press("Confirm account");
    await v.notice("Your account is confirmed.");
    await look(v.page, "signin-confirmed");
    await v.follow("Forgot your password?");
    await look(v.page, "forgot");
    await v.fill("Email address", email);
    await v.press("Send code");
    await v.heading("Set a new password");
    await look(v.page, "reset");
    await v.fill("Code", await code(email));
    await v.fill("New password", `${password}-2`);
    await v.press("Change password");
    await v.notice("Your password is changed.");
    await v.signIn(email, `${password}-2`);
    await v.arrived();
    await v.page.goto(`${pool.base}/logout?client_id=${pool.client}&logout_uri=${encodeURIComponent(callback)}`);
    await v.page.waitForURL(callback);
    await v.page.goto(pool.url);
    await v.heading("Sign in");
    await v.done();
  });

  test("whoever has a temporary password chooses one, and what went wrong is said", async () => {
    const pool = await makePool();
    const v = await visitor(pool.url);
    await v.signIn(await makeUser(pool, {}, { TemporaryPassword: `${password}-0` }), `${password}-0`);
    await v.heading("Choose a new password");
    await look(v.page, "newpassword");
    await v.fill("New password", password);
    await v.press("Continue");
    await v.arrived();
    await v.page.goto(`${pool.base}/logout?client_id=${pool.client}`);
    await v.heading("You are signed out");
    await look(v.page, "signedout");
    await v.done();
    const lost = await open(browser);
    await lost.page.goto(pool.start(pool.client, { redirect_uri: "https://evil.example/" }));
    await lost.page.getByRole("alert").waitFor();
    assert.ok(lost.page.url().startsWith(pool.base));
    await look(lost.page, "error");
    assert.match(lost.faults.join(), /400/); // the page's status, which Chromium logs
    await lost.context.close();
  });

  test("second factors are set up and asked for", async () => {
    const pool = await makePool();
    await users.send(new SetUserPoolMfaConfigCommand({
      UserPoolId: pool.id, MfaConfiguration: "ON", SoftwareTokenMfaConfiguration: { Enabled: true }, EmailMfaConfiguration: {},
    }));
    const name = await makeUser(pool);
    const v = await visitor(pool.url);
    await v.signIn(name);
    await v.heading("Protect your account");
    await look(v.page, "setup-choice");
    await v.choose(/authenticator app/);
    await v.heading("Set up your authenticator app");
    await look(v.page, "setup-app");
    const secret = (await v.page.locator("code.secret").innerText()).replaceAll(" ", "");
    await v.fill("Code", totp(secret));
    await v.press("Continue");
    await v.arrived();
    await v.done();
    const next = await visitor(pool.url);
    await next.signIn(name);
    await next.heading("Confirm that it is you");
    await look(next.page, "totp");
    await next.fill("Code", "000000");
    await next.press("Continue");
    await next.alert("code");
    await look(next.page, "totp-wrong");
    await next.fill("Code", totp(secret, 1));
    await next.press("Continue");
    await next.arrived();
    await next.done();
  });

  test("codes come by mail and text message, by choice where there are several", async () => {
    const pool = await makePool();
    await users.send(new SetUserPoolMfaConfigCommand({
      UserPoolId: pool.id, MfaConfiguration: "OPTIONAL", EmailMfaConfiguration: {},
      SmsMfaConfiguration: { SmsConfiguration: { SnsCallerArn: "arn:aws:iam::000000000000:role/sns", ExternalId: "x" } },
    }));
    const email = `${unique("bob")}@example.com`;
    const phone_number = "+15550123456";
    const Username = await makeUser(pool, { email, email_verified: "true", phone_number, phone_number_verified: "true" });
    const prefer = (SMSMfaSettings, EmailMfaSettings) => users.send(new AdminSetUserMFAPreferenceCommand({ UserPoolId: pool.id, Username, SMSMfaSettings, EmailMfaSettings }));
    for (const [kind, to, settings] of [["sms", phone_number, [{ Enabled: true, PreferredMfa: true }, { Enabled: false }]], ["email", email, [{ Enabled: false }, { Enabled: true, PreferredMfa: true }]]]) {
      await prefer(...settings);
      const v = await visitor(pool.url);
      await v.signIn(Username);
      await v.heading("Confirm that it is you");
      await look(v.page, `code-${kind}`);
      await v.fill("Code", await code(to));
      await v.press("Continue");
      await v.arrived();
      await v.done();
    }
    await prefer({ Enabled: true, PreferredMfa: false }, { Enabled: true, PreferredMfa: false });
    const v = await visitor(pool.url);
    await v.signIn(Username);
    await look(v.page, "choose-factor");
    await v.choose(/e-mail/);
    await v.fill("Code", await code(email));
    await v.press("Continue");
    await v.arrived();
    await v.done();
  });

  test("the name comes first where users choose how they sign in", async () => {
    const pool = await makePool({ Policies: { SignInPolicy: { AllowedFirstAuthFactors: ["PASSWORD", "EMAIL_OTP"] } } }, { ExplicitAuthFlows: ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    const email = `${unique("cat")}@example.com`;
    const name = await makeUser(pool, { email, email_verified: "true" });
    const v = await visitor(pool.url);
    await look(v.page, "name-first");
    await v.fill("Username", name);
    await v.press("Next");
    await look(v.page, "first-factor");
    await v.choose(/password/);
    await v.heading("Enter your password");
    await look(v.page, "password");
    await v.fill("Password", password);
    await v.press("Sign in");
    await v.arrived();
    await v.done();
    const mail = await visitor(pool.url);
    await mail.fill("Username", name);
    await mail.press("Next");
    await mail.choose(/e-mail/);
    await mail.fill("Code", await code(email));
    await mail.press("Continue");
    await mail.arrived();
    await mail.done();
  });

  test("nothing of this needs JavaScript", async () => {
    const pool = await makePool();
    const name = await makeUser(pool, {}, { TemporaryPassword: `${password}-0` });
    const v = await visitor(pool.url, { javaScriptEnabled: false });
    await v.signIn(name, "Wrong-Horse-9-Battery");
    await v.alert("Incorrect");
    await v.signIn(name, `${password}-0`);
    await v.fill("New password", password);
    await v.press("Continue");
    await v.arrived();
    await v.done();
  });

  test("providers are offered beside the pool's own users, or alone", async () => {
    const pool = await makePool();
    for (const ProviderName of ["Globex", "Initech"]) {
      const at = new URL(ProviderName, callback).href;
      await users.send(new CreateIdentityProviderCommand({
        UserPoolId: pool.id, ProviderName, ProviderType: "OIDC", ProviderDetails: {
          client_id: "x", client_secret: "secret", authorize_scopes: "openid", attributes_request_method: "GET", oidc_issuer: at,
          authorize_url: `${at}/authorize`, token_url: `${at}/token`, attributes_url: `${at}/me`, jwks_uri: `${at}/keys`,
        },
      }));
    }
    const both = await visitor(pool.start(await pool.make({ SupportedIdentityProviders: ["COGNITO", "Globex", "Initech"] })));
    await look(both.page, "providers");
    await both.done();
    const only = await visitor(pool.start(await pool.make({ SupportedIdentityProviders: ["Globex", "Initech"] })));
    await look(only.page, "providers-only");
    await only.follow("Continue with Globex");
    await only.page.waitForURL(`${new URL("Globex", callback)}/authorize?*`);
    await only.done();
  });
});
