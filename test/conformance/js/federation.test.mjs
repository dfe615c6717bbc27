// Users who come from outside providers, none patched: OpenID Connect by oidc-provider, SAML 2.0 by samlify.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createHash, randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import {
  CognitoIdentityProviderClient, CreateIdentityProviderCommand, CreateUserPoolClientCommand, CreateUserPoolCommand,
  DescribeIdentityProviderCommand, GetSigningCertificateCommand, UpdateIdentityProviderCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { Provider } from "oidc-provider";
import samlify from "samlify";
import { action, Browser, inputs } from "./http.mjs";
import { endpoint, unique } from "./support.mjs";

const idp = new CognitoIdentityProviderClient();
const callback = "https://app.example.com/callback";
const bye = "https://app.example.com/bye";
const servers = [];
let pool, base, oidc, saml, client;

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  servers.push(server);
  return `http://127.0.0.1:${server.address().port}`;
}

const verifier = randomBytes(32).toString("base64url");
const authorize = (app, more = {}) => `${base}/oauth2/authorize?${new URLSearchParams({
  client_id: app, redirect_uri: callback, response_type: "code", scope: "openid email profile", state: "abc", nonce: "n",
  code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256", ...more,
})}`;

// claims redeems the code that the application got.
async function claims(app, answer) {
  assert.ok(answer.to?.startsWith(callback), `${answer.status} ${answer.to} ${answer.body}`);
  const q = new URL(answer.to).searchParams;
  assert.equal(q.get("state"), "abc", answer.to);
  assert.ok(q.get("code"), answer.to);
  const got = await (await fetch(`${base}/oauth2/token`, {
    method: "POST", body: new URLSearchParams({ grant_type: "authorization_code", client_id: app, code: q.get("code"), redirect_uri: callback, code_verifier: verifier }),
  })).json();
  assert.ok(got.id_token, JSON.stringify(got));
  return JSON.parse(Buffer.from(got.id_token.split(".")[1], "base64url"));
}

const newClient = async (...SupportedIdentityProviders) => (await idp.send(new CreateUserPoolClientCommand({
  UserPoolId: pool, ClientName: unique("c"), AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ["code"],
  AllowedOAuthScopes: ["openid", "email", "profile"], CallbackURLs: [callback], LogoutURLs: [bye], SupportedIdentityProviders,
}))).UserPoolClient.ClientId;

async function startOIDC() {
  let handler;
  const issuer = await listen((req, res) => handler(req, res));
  const provider = new Provider(issuer, {
    clients: [{ client_id: "pool", client_secret: "a-secret-of-the-pool", redirect_uris: [`${base}/oauth2/idpresponse`], grant_types: ["authorization_code"], response_types: ["code"], token_endpoint_auth_method: "client_secret_post" }],
    cookies: { keys: ["k"] }, pkce: { required: () => true },
    claims: { openid: ["sub"], email: ["email", "email_verified"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@tenant.example`, email_verified: true, tenant: "victim" }) }),
  });
  handler = provider.callback();
  return issuer;
}

async function startSAML(dir) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=idp", "-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")], { stdio: "ignore" });
  const privateKey = readFileSync(join(dir, "key.pem"), "utf8");
  const signingCert = readFileSync(join(dir, "cert.pem"), "utf8");
  samlify.setSchemaValidator({ validate: async () => "not checked here: the subject of the tests is the service provider" });
  const state = {};
  const url = await listen((req, res) => {
    const { pathname, searchParams } = new URL(req.url, "http://idp");
    if (pathname === "/metadata") return res.end(state.idp.getMetadata());
    state.seen = { pathname, request: inflateRawSync(Buffer.from(searchParams.get("SAMLRequest"), "base64")).toString(), relay: searchParams.get("RelayState"), query: req.url.split("?")[1] };
    res.end("ok");
  });
  const loginResponseTemplate = {
    context: samlify.SamlLib.defaultLoginResponseTemplate.context,
    attributes: [{ name: "mail", nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", valueXsiType: "xs:string", valueTag: "user.email" }],
  };
  const make = (isAssertionEncrypted) => samlify.IdentityProvider({
    entityID: `${url}/metadata`, privateKey, signingCert, isAssertionEncrypted, loginResponseTemplate,
    dataEncryptionAlgorithm: "http://www.w3.org/2009/xmlenc11#aes256-gcm", keyEncryptionAlgorithm: "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
    requestSignatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    singleSignOnService: [{ Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", Location: `${url}/sso` }],
    singleLogoutService: [{ Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", Location: `${url}/slo` }],
  });
  [state.idp, state.sealing] = [make(false), make(true)];
  state.url = url;
  return state;
}

// respond has the SAML provider answer the request that it saw last.
async function respond(user, edit = (r) => r, encryptCert) {
  const request = /ID="([^"]+)"/.exec(saml.seen.request)[1];
  const acs = `${base}/saml2/idpresponse`;
  const audience = `urn:amazon:cognito:sp:${pool}`;
  const sp = samlify.ServiceProvider({
    entityID: audience, wantAssertionsSigned: true, encryptCert,
    assertionConsumerService: [{ Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST", Location: acs }],
  });
  const fill = (template) => {
    const now = Date.now();
    const id = "_" + randomBytes(16).toString("hex");
    const at = (ms) => new Date(now + ms).toISOString();
    const values = {
      ID: "_" + randomBytes(16).toString("hex"), AssertionID: id, Destination: acs, Audience: audience, SubjectRecipient: acs,
      Issuer: `${saml.url}/metadata`, IssueInstant: at(0), AssertionConsumerServiceURL: acs, EntityID: audience, StatusCode: "urn:oasis:names:tc:SAML:2.0:status:Success",
      ConditionsNotBefore: at(-1000), ConditionsNotOnOrAfter: at(300000), SubjectConfirmationDataNotOnOrAfter: at(300000),
      NameIDFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress", NameID: user, InResponseTo: request,
      attrUserEmail: user,
    };
    const statement = `<saml:AuthnStatement AuthnInstant="${at(0)}" SessionIndex="_s1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`;
    return { id, context: edit(samlify.SamlLib.replaceTagsByValue(template.replace("{AuthnStatement}", statement), values)) };
  };
  const { context } = await (encryptCert ? saml.sealing : saml.idp).createLoginResponse(sp, { extract: { request: { id: request } } }, "post", { email: user }, fill);
  return { SAMLResponse: context, RelayState: saml.seen.relay };
}

const dir = mkdtempSync(join(tmpdir(), "bulkhead-saml."));

before(async () => {
  pool = (await idp.send(new CreateUserPoolCommand({
    PoolName: unique("federated"), Schema: [{ Name: "tenant", AttributeDataType: "String", Mutable: true }],
    UserPoolTags: { "bulkhead:tenant-attribute": "custom:tenant" },
  }))).UserPool.Id;
  base = `${endpoint}/${pool}`;
  oidc = await startOIDC();
  saml = await startSAML(dir);
  await idp.send(new CreateIdentityProviderCommand({
    UserPoolId: pool, ProviderName: "Acme", ProviderType: "OIDC", IdpIdentifiers: ["acme.example"],
    ProviderDetails: { client_id: "pool", client_secret: "a-secret-of-the-pool", authorize_scopes: "openid email", attributes_request_method: "GET", oidc_issuer: oidc },
    AttributeMapping: { email: "email", "custom:tenant": "bulkhead:tenant=acme" },
  }));
  await idp.send(new CreateIdentityProviderCommand({
    UserPoolId: pool, ProviderName: "Globex", ProviderType: "SAML", AttributeMapping: { email: "mail", "custom:tenant": "bulkhead:tenant=globex" },
    ProviderDetails: { MetadataURL: `${saml.url}/metadata`, IDPSignout: "true", RequestSigningAlgorithm: "rsa-sha256" },
  }));
  client = { oidc: await newClient("Acme"), saml: await newClient("Globex"), both: await newClient("Acme", "Globex", "COGNITO") };
});

after(() => {
  for (const s of servers) { s.closeAllConnections(); s.close(); }
  rmSync(dir, { recursive: true });
});

test("an only provider of OpenID Connect is where the browser goes, and its user comes back", async () => {
  const b = new Browser();
  let page = await b.follow(await b.go(authorize(client.oidc)));
  assert.match(page.url, new RegExp(`^${oidc}/interaction/`));
  page = await b.follow(await b.go(action(page), { ...inputs(page), prompt: "login", login: "ann", password: "x" }));
  const back = await b.follow(await b.go(action(page), { ...inputs(page), prompt: "consent" }));
  const got = await claims(client.oidc, back);
  assert.equal(got["cognito:username"], "Acme_ann");
  assert.equal(got.email, "ann@tenant.example");
  assert.equal(got.email_verified, false);
  assert.equal(got["custom:tenant"], "acme");
  assert.deepEqual(got["cognito:groups"], [`${pool}_Acme`]);
  assert.equal(got.identities[0].userId, "ann");
});

test("a provider is chosen by name, by identifier and on the page", async () => {
  for (const more of [{ identity_provider: "Acme" }, { idp_identifier: "acme.example" }]) {
    assert.ok((await new Browser().go(authorize(client.both, more))).to.startsWith(`${oidc}/auth?`));
  }
  const b = new Browser();
  const page = await b.follow(await b.go(authorize(client.both)));
  assert.match(page.body, /Continue with Acme/);
  assert.match(page.body, /Continue with Globex/);
  assert.equal((await new Browser().go(authorize(client.saml, { identity_provider: "Acme" }))).status, 400);
});

test("what one browser brings back with another's state is refused", async () => {
  const b = new Browser();
  const away = await b.go(authorize(client.oidc));
  const state = new URL(away.to).searchParams.get("state");
  const other = await new Browser().go(`${base}/oauth2/idpresponse?code=x&state=${state}`);
  assert.equal(other.status, 400);
  assert.equal(other.to, null);
  for (let i = 0; i < 12; i++) await b.go(authorize(client.oidc));
  assert.ok([...b.jar.get(new URL(base).host).keys()].filter((k) => k.includes("away-")).length <= 5);
});

test("a SAML provider signs its user in, once, and out", async () => {
  const b = new Browser();
  const away = await b.go(authorize(client.saml));
  await b.go(away.to);
  assert.match(saml.seen.request, new RegExp(`AssertionConsumerServiceURL="${base}/saml2/idpresponse"`));
  assert.match(saml.seen.query, /SigAlg=/);
  const form = await respond("Bob@globex.example");
  const got = await claims(client.saml, await b.go(`${base}/saml2/idpresponse`, form));
  assert.equal(got["cognito:username"], "Globex_Bob@globex.example");
  assert.equal(got["custom:tenant"], "globex");
  assert.equal(got.email, "Bob@globex.example");
  const again = await b.go(`${base}/saml2/idpresponse`, form);
  assert.equal(again.status, 400);
  // Logout goes by the provider.
  const out = await b.go(`${base}/logout?${new URLSearchParams({ client_id: client.saml, logout_uri: bye })}`);
  assert.ok(out.to.startsWith(`${saml.url}/slo?SAMLRequest=`), out.to);
  await b.go(out.to);
  assert.match(saml.seen.request, /<samlp:SessionIndex>_s1</);
  assert.match(saml.seen.request, /Bob@globex\.example</);
  const back = `${base}/saml2/logout`;
  const sp = samlify.ServiceProvider({
    entityID: `urn:amazon:cognito:sp:${pool}`, wantLogoutResponseSigned: true,
    singleLogoutService: [{ Binding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect", Location: back }],
  });
  const request = /ID="([^"]+)"/.exec(saml.seen.request)[1];
  const answer = saml.idp.createLogoutResponse(sp, { extract: { request: { id: request } } }, "redirect", saml.seen.relay).context;
  assert.equal((await new Browser().go(answer)).status, 400);
  assert.equal((await b.go(answer)).to, bye);
});

test("responses that the provider did not sign, or not for here, are refused", async () => {
  const edits = {
    audience: (r) => r.replace(`<saml:Audience>urn:amazon:cognito:sp:${pool}`, "<saml:Audience>urn:amazon:cognito:sp:us-east-1_other"),
    recipient: (r) => r.replace(/Recipient="[^"]*"/, 'Recipient="https://evil.example"'),
    expired: (r) => r.replace(/NotOnOrAfter="[^"]*"/g, 'NotOnOrAfter="2020-01-01T00:00:00Z"'),
    request: (r) => r.replace(/(SubjectConfirmationData[^>]*InResponseTo)="[^"]*"/, '$1="_other"'),
  };
  for (const [name, edit] of Object.entries(edits)) {
    const b = new Browser();
    await b.go((await b.go(authorize(client.saml))).to);
    const back = await b.go(`${base}/saml2/idpresponse`, await respond("bob@globex.example", edit));
    assert.match(back.to ?? "", /error=invalid_request/, name);
  }
  const b = new Browser();
  await b.go((await b.go(authorize(client.saml))).to);
  const form = await respond("bob@globex.example");
  const text = Buffer.from(form.SAMLResponse, "base64").toString();
  const changed = text.replace(/bob@globex\.example<\/saml:NameID>/, "eve@globex.example</saml:NameID>");
  assert.notEqual(changed, text);
  const back = await b.go(`${base}/saml2/idpresponse`, { ...form, SAMLResponse: Buffer.from(changed).toString("base64") });
  assert.match(back.to ?? "", /error=invalid_request/);
});

test("a pool that wants encrypted assertions takes them, and no others", async () => {
  await idp.send(new UpdateIdentityProviderCommand({
    UserPoolId: pool, ProviderName: "Globex", ProviderDetails: { MetadataURL: `${saml.url}/metadata`, EncryptedResponses: "true" },
  }));
  const { IdentityProvider: p } = await idp.send(new DescribeIdentityProviderCommand({ UserPoolId: pool, ProviderName: "Globex" }));
  const b = new Browser();
  const answer = async (certificate) => {
    await b.go((await b.go(authorize(client.saml, { prompt: "login" }))).to);
    return b.go(`${base}/saml2/idpresponse`, await respond("carol@globex.example", undefined, certificate));
  };
  const got = await claims(client.saml, await answer(p.ProviderDetails.ActiveEncryptionCertificate));
  assert.equal(got.email, "carol@globex.example");
  assert.match((await answer()).to ?? "", /error=invalid_request/);
});

test("a response that nobody asked for is taken from a provider that may send it, and only then", async () => {
  const RelayState = new URLSearchParams({ identity_provider: "Globex", client_id: client.saml, redirect_uri: callback, response_type: "code", scope: "openid email profile", state: "abc" }).toString();
  const unasked = (r) => r.replace(/ InResponseTo="[^"]*"/g, "");
  const details = (IDPInit) => idp.send(new UpdateIdentityProviderCommand({ UserPoolId: pool, ProviderName: "Globex", ProviderDetails: { MetadataURL: `${saml.url}/metadata`, IDPInit } }));
  const send = async (edit) => new Browser().go(`${base}/saml2/idpresponse`, { ...(await respond("dan@globex.example", edit)), RelayState });
  await details("false");
  assert.equal((await send(unasked)).status, 400);
  await details("true");
  assert.match((await send()).to ?? "", /error=invalid_request/); // it answers a request of another browser
  const back = await send(unasked);
  assert.match(back.to ?? "", /code=/);
});

test("a tenant's provider cannot say whose its users are", async () => {
  await assert.rejects(idp.send(new UpdateIdentityProviderCommand({
    UserPoolId: pool, ProviderName: "Acme", AttributeMapping: { "custom:tenant": "tenant" },
  })), { name: "InvalidParameterException" });
  const { IdentityProvider: p } = await idp.send(new DescribeIdentityProviderCommand({ UserPoolId: pool, ProviderName: "Acme" }));
  assert.equal(p.AttributeMapping["custom:tenant"], "bulkhead:tenant=acme");
  assert.equal(p.ProviderDetails.token_url, `${oidc}/token`);
  assert.match((await idp.send(new GetSigningCertificateCommand({ UserPoolId: pool }))).Certificate, /^MII/);
});
