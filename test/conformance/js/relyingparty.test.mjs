// OpenID Connect and tokens as applications take them: openid-client, a certified relying party, and aws-jwt-verify, none
// patched, against a server with TLS whose issuers are its own addresses.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateResourceServerCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, InitiateAuthCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { CognitoJwtVerifier, JwtRsaVerifier } from "aws-jwt-verify";
import * as refusal from "aws-jwt-verify/error";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";
import * as oidc from "openid-client";
import { action, Browser, inputs } from "./http.mjs";
import { serve } from "./serve.mjs";
import { endpoint, region, unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
const callback = "https://app.example.com/callback";
const bye = "https://app.example.com/bye";
let server, users, pool, other;

// makePool makes a pool with a user, an app with a secret, one without, and one for machines.
async function makePool() {
  const id = (await users.send(new CreateUserPoolCommand({ PoolName: unique("rp") }))).UserPool.Id;
  await users.send(new AdminCreateUserCommand({ UserPoolId: id, Username: "ann", MessageAction: "SUPPRESS", UserAttributes: [{ Name: "email", Value: "ann@acme.example" }, { Name: "email_verified", Value: "true" }] }));
  await users.send(new AdminSetUserPasswordCommand({ UserPoolId: id, Username: "ann", Password: password, Permanent: true }));
  await users.send(new CreateResourceServerCommand({ UserPoolId: id, Identifier: "orders", Name: "Orders", Scopes: [{ ScopeName: "read", ScopeDescription: "Read" }, { ScopeName: "write", ScopeDescription: "Write" }] }));
  const client = async (more) => (await users.send(new CreateUserPoolClientCommand({
    UserPoolId: id, ClientName: unique("app"), AllowedOAuthFlowsUserPoolClient: true, SupportedIdentityProviders: ["COGNITO"], ...more,
  }))).UserPoolClient;
  const app = { AllowedOAuthFlows: ["code"], AllowedOAuthScopes: ["openid", "email"], CallbackURLs: [callback], LogoutURLs: [bye] };
  return {
    id, issuer: new URL(`${server.endpoint}/${id}`), secret: await client({ ...app, GenerateSecret: true }), open: await client(app),
    machine: await client({ GenerateSecret: true, AllowedOAuthFlows: ["client_credentials"], AllowedOAuthScopes: ["orders/read"] }),
  };
}

before(async () => {
  server = await serve();
  users = new CognitoIdentityProviderClient(server.config);
  [pool, other] = [await makePool(), await makePool()];
});
after(() => server?.stop());

const discover = (p, client, auth) => oidc.discovery(p.issuer, client.ClientId, client.ClientSecret, auth);

// signIn takes the browser through the pages and returns where it comes back to.
async function signIn(browser, url) {
  const page = await browser.follow(await browser.go(url));
  if (page.to) return page.to;
  return (await browser.go(action(page), { ...inputs(page), username: "ann", password })).to;
}

// authorize runs the authorization code flow with PKCE, state and nonce.
async function authorize(config, browser = new Browser(), more = {}) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: "openid email", state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: "S256", ...more,
  });
  const back = await signIn(browser, url.href);
  assert.ok(back?.startsWith(callback), back);
  return { back: new URL(back), checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
}

for (const [name, kind, auth] of [["HTTP Basic", "secret", oidc.ClientSecretBasic], ["a secret in the form", "secret", oidc.ClientSecretPost], ["no secret", "open", oidc.None]]) {
  test(`openid-client signs a user in with ${name}, refreshes, reads claims, revokes and signs out`, async () => {
    const client = pool[kind];
    const config = await discover(pool, client, auth(client.ClientSecret));
    oidc.enableNonRepudiationChecks(config); // verify the signatures of ID tokens too, not TLS alone
    const browser = new Browser();
    const { back, checks } = await authorize(config, browser);
    const tokens = await oidc.authorizationCodeGrant(config, back, checks);
    const claims = tokens.claims();
    assert.deepEqual([claims.iss, claims.aud, claims.email, claims.token_use], [pool.issuer.href, client.ClientId, "ann@acme.example", "id"]);
    const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.deepEqual([info.username, info.email, info.email_verified], ["ann", "ann@acme.example", "true"]);
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, "somebody else"), { code: "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED" });
    const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(fresh.claims().sub, claims.sub);
    await oidc.tokenRevocation(config, tokens.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, claims.sub), (e) => e.cause?.[0]?.parameters.error === "invalid_token");
    // The browser is still signed in, until it signs out: Cognito's logout takes client_id and logout_uri.
    assert.equal((await oidc.authorizationCodeGrant(config, ...Object.values(await authorize(config, browser, { prompt: "none" })))).claims().sub, claims.sub);
    const out = await browser.go(oidc.buildEndSessionUrl(config, { logout_uri: bye }).href);
    assert.equal(out.to, bye);
    const gone = await authorize(config, browser, { prompt: "none" });
    await assert.rejects(oidc.authorizationCodeGrant(config, gone.back, gone.checks), { error: "login_required" });
  });
}

test("openid-client finds what an answer lacks, and the server what a request lacks", async () => {
  const config = await discover(pool, pool.open);
  const grant = async (edit) => {
    const { back, checks } = await authorize(config);
    return oidc.authorizationCodeGrant(config, back, { ...checks, ...edit });
  };
  await assert.rejects(grant({ expectedState: "another" }), { code: "OAUTH_INVALID_RESPONSE" });
  await assert.rejects(grant({ expectedNonce: "another" }), { code: "OAUTH_JWT_CLAIM_COMPARISON_FAILED" });
  await assert.rejects(grant({ pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), { error: "invalid_grant" });
  const { back, checks } = await authorize(config);
  await oidc.authorizationCodeGrant(config, back, checks);
  await assert.rejects(oidc.authorizationCodeGrant(config, back, checks), { error: "invalid_grant" });
  const taken = await authorize(config);
  await assert.rejects(oidc.authorizationCodeGrant(await discover(pool, pool.secret), taken.back, taken.checks), { error: "invalid_grant" });
  await assert.rejects(discover({ issuer: new URL(`${pool.issuer.href.slice(0, -9)}aaaaaaaaa`) }, pool.open), { code: "OAUTH_RESPONSE_IS_NOT_CONFORM" });
});

test("openid-client gets tokens for machines, within their scopes", async () => {
  const config = await discover(pool, pool.machine);
  const tokens = await oidc.clientCredentialsGrant(config, { scope: "orders/read" });
  assert.deepEqual([tokens.token_type, tokens.expires_in, tokens.refresh_token, tokens.id_token], ["bearer", 3600, undefined, undefined]);
  await assert.rejects(oidc.clientCredentialsGrant(config, { scope: "orders/write" }), { error: "invalid_scope" });
  const wrong = await oidc.discovery(pool.issuer, pool.machine.ClientId, "not-the-secret");
  await assert.rejects(oidc.clientCredentialsGrant(wrong), { error: "invalid_client" });
  await assert.rejects(oidc.clientCredentialsGrant(await discover(pool, pool.open)), (e) => /^(unauthorized_client|invalid_client|invalid_grant)$/.test(e.error));
});

// tokensOf signs in and returns the tokens.
async function tokensOf(p) {
  const config = await discover(p, p.open);
  const { back, checks } = await authorize(config);
  return oidc.authorizationCodeGrant(config, back, checks);
}

test("aws-jwt-verify finds the keys by the issuer, takes the pool's tokens and no others", async () => {
  const tokens = await tokensOf(pool);
  const claims = tokens.claims();
  const id = JwtRsaVerifier.create({ issuer: pool.issuer.href, audience: pool.open.ClientId });
  assert.equal((await id.verify(tokens.id_token)).sub, claims.sub);
  const access = JwtRsaVerifier.create({
    issuer: pool.issuer.href, audience: null, scope: "openid", customJwtCheck: ({ payload }) => assert.equal(payload.client_id, pool.open.ClientId),
  });
  assert.equal((await access.verify(tokens.access_token)).username, "ann");
  await assert.rejects(access.verify(tokens.access_token, { scope: "orders/write" }), refusal.JwtInvalidScopeError);
  await assert.rejects(id.verify((await tokensOf(other)).id_token), refusal.KidNotFoundInJwksError);
  await assert.rejects(id.verify(tokens.id_token, { audience: pool.secret.ClientId }), refusal.JwtInvalidAudienceError);
  const [head, body, signature] = tokens.id_token.split(".");
  const forged = Buffer.from(JSON.stringify({ ...claims, "custom:org": "globex" })).toString("base64url");
  await assert.rejects(id.verify([head, forged, signature].join(".")), refusal.JwtInvalidSignatureError);
  const none = Buffer.from(JSON.stringify({ alg: "none", kid: JSON.parse(Buffer.from(head, "base64url")).kid })).toString("base64url");
  await assert.rejects(id.verify([none, body, signature].join(".")), refusal.JwtInvalidSignatureAlgorithmError);
  // Tokens last the hour that the client's settings say, to the second.
  assert.ok(await id.verify(tokens.id_token, { graceSeconds: -3500 }));
  await assert.rejects(id.verify(tokens.id_token, { graceSeconds: -3601 }), refusal.JwtExpiredError);
});

// CognitoJwtVerifier knows issuers on AWS's domains alone: the form that a server without --issuer-url gives them. The
// keys come from the server, by the fetcher that applications behind proxies set.
test("CognitoJwtVerifier tells pools, clients and uses of tokens apart", async () => {
  const cognito = new CognitoIdentityProviderClient();
  const make = async () => {
    const id = (await cognito.send(new CreateUserPoolCommand({ PoolName: unique("verify") }))).UserPool.Id;
    await cognito.send(new AdminCreateUserCommand({ UserPoolId: id, Username: "ann", MessageAction: "SUPPRESS" }));
    await cognito.send(new AdminSetUserPasswordCommand({ UserPoolId: id, Username: "ann", Password: password, Permanent: true }));
    const { ClientId } = (await cognito.send(new CreateUserPoolClientCommand({ UserPoolId: id, ClientName: "app", ExplicitAuthFlows: ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }))).UserPoolClient;
    const answer = await cognito.send(new InitiateAuthCommand({ ClientId, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: { USERNAME: "ann", PASSWORD: password } }));
    return { userPoolId: id, clientId: ClientId, tokens: answer.AuthenticationResult };
  };
  const [mine, others] = [await make(), await make()];
  const fetched = [];
  const fetcher = { fetch: async (uri) => {
    fetched.push(uri);
    const { pathname } = new URL(uri);
    return (await fetch(new URL(pathname, endpoint))).arrayBuffer();
  } };
  const verifier = (more) => CognitoJwtVerifier.create({ userPoolId: mine.userPoolId, clientId: mine.clientId, ...more }, { jwksCache: new SimpleJwksCache({ fetcher }) });
  const [id, access] = [verifier({ tokenUse: "id" }), verifier({ tokenUse: "access" })];
  assert.equal((await id.verify(mine.tokens.IdToken))["cognito:username"], "ann");
  assert.equal((await access.verify(mine.tokens.AccessToken)).username, "ann");
  assert.equal(fetched[0], `https://cognito-idp.${region}.amazonaws.com/${mine.userPoolId}/.well-known/jwks.json`);
  await assert.rejects(id.verify(mine.tokens.AccessToken), refusal.CognitoJwtInvalidTokenUseError);
  await assert.rejects(access.verify(mine.tokens.IdToken), refusal.CognitoJwtInvalidTokenUseError);
  await assert.rejects(id.verify(others.tokens.IdToken), /issuer not configured/);
  await assert.rejects(verifier({ tokenUse: "id", clientId: others.clientId }).verify(mine.tokens.IdToken), refusal.CognitoJwtInvalidClientIdError);
  await assert.rejects(verifier({ tokenUse: "access", clientId: others.clientId }).verify(mine.tokens.AccessToken), refusal.CognitoJwtInvalidClientIdError);
  await assert.rejects(id.verify(mine.tokens.RefreshToken), refusal.JwtParseError);
});
