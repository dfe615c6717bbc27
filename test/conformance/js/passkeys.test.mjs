// Passkeys and consent in Chromium, with its virtual authenticator (WebDriver extension of Web Authentication Level 2, section 11).
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateUserPoolClientCommand, CreateUserPoolCommand,
  CreateUserPoolDomainCommand, TagResourceCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { launch, look, open, skip } from "./chromium.mjs";
import { unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
const users = new CognitoIdentityProviderClient({});
let browser, app, callback;

before(async () => {
  if (skip) return;
  app = createServer((_, res) => { res.setHeader("Content-Type", "text/html"); res.end('<!doctype html><title>The app</title><link rel="icon" href="data:,">'); });
  await new Promise((done) => app.listen(0, "127.0.0.1", done));
  callback = `http://localhost:${app.address().port}/callback`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  app?.closeAllConnections();
  app?.close();
});

// makeSite makes a pool with a domain, whose users may sign in by passkey, with one user.
async function makeSite() {
  const { Id, Arn } = (await users.send(new CreateUserPoolCommand({
    PoolName: "Acme", Policies: { SignInPolicy: { AllowedFirstAuthFactors: ["PASSWORD", "WEB_AUTHN"] } },
  }))).UserPool;
  const Domain = unique("acme");
  await users.send(new CreateUserPoolDomainCommand({ UserPoolId: Id, Domain, ManagedLoginVersion: 2 }));
  const { ClientId } = (await users.send(new CreateUserPoolClientCommand({
    UserPoolId: Id, ClientName: "Acme Orders", AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ["code"], AllowedOAuthScopes: ["openid", "email"],
    CallbackURLs: [callback], SupportedIdentityProviders: ["COGNITO"], ExplicitAuthFlows: ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
  }))).UserPoolClient;
  await users.send(new AdminCreateUserCommand({ UserPoolId: Id, Username: "ada", MessageAction: "SUPPRESS" }));
  await users.send(new AdminSetUserPasswordCommand({ UserPoolId: Id, Username: "ada", Password: password, Permanent: true }));
  const { port } = new URL(process.env.AWS_ENDPOINT_URL);
  const query = new URLSearchParams({ client_id: ClientId, redirect_uri: callback, response_type: "code", scope: "openid email", state: "s" });
  return { arn: Arn, client: ClientId, url: `http://${Domain}.auth.us-east-1.localhost:${port}/oauth2/authorize?${query}` };
}

// visitor is a browser with an authenticator that its user always agrees to.
async function visitor(url) {
  const v = await open(browser);
  const cdp = await v.context.newCDPSession(v.page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await v.page.goto(url);
  return {
    ...v,
    press: (name) => v.page.getByRole("button", { name, exact: true }).click(),
    async password() {
      await v.page.getByLabel(/^Username/).fill("ada");
      await this.press("Next");
      const choice = v.page.getByLabel("My password");
      const field = v.page.getByLabel("Password", { exact: true });
      await choice.or(field).first().waitFor();
      if (await choice.isVisible()) {
        await choice.check();
        await this.press("Continue");
      }
      await field.fill(password);
      await v.page.locator("form button[type=submit]").first().click();
    },
    async arrived(parameter = "code") {
      await v.page.waitForURL(`${callback}?*`);
      const query = new URL(v.page.url()).searchParams;
      assert.equal(query.get("state"), "s");
      assert.ok(query.get(parameter), v.page.url());
      return query.get(parameter);
    },
  };
}

describe("passkeys and consent in Chromium", { skip, timeout: 60000 }, () => {
  test("a passkey is saved after a sign-in, and signs in by itself", async () => {
    const site = await makeSite();
    const v = await visitor(site.url);
    await v.password();
    await v.page.getByRole("heading", { name: "Save a passkey?" }).waitFor();
    await look(v.page, "savepasskey");
    await v.press("Save a passkey");
    await v.arrived();
    await v.context.clearCookies();
    await v.page.goto(site.url);
    await v.page.getByRole("button", { name: "Sign in with a passkey" }).or(v.page.getByRole("link", { name: "Sign in with a passkey" })).first().click();
    await v.arrived();
    await v.done();
  });

  test("an application of others asks for consent", async () => {
    const site = await makeSite();
    await users.send(new TagResourceCommand({ ResourceArn: site.arn, Tags: { "bulkhead:third-party-clients": site.client } }));
    const v = await visitor(site.url);
    await v.password();
    await v.page.getByRole("button", { name: "Not now" }).or(v.page.getByRole("button", { name: "Allow", exact: true })).first().waitFor();
    if (await v.page.getByRole("button", { name: "Not now" }).isVisible()) await v.press("Not now");
    await v.page.getByRole("button", { name: "Allow", exact: true }).waitFor();
    await look(v.page, "consent");
    await v.press("Deny");
    assert.equal(await v.arrived("error"), "access_denied");
    await v.page.goto(site.url);
    await v.press("Allow");
    await v.arrived();
    await v.done();
  });
});
