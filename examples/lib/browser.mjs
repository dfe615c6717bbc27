// A browser for the examples, which keeps cookies, follows redirects and fills in forms; and an application that sends its
// users to the sign-in pages with openid-client.
import * as openid from "openid-client";
import { endpoint } from "./setup.mjs";

const callback = "https://app.example.com/callback";
const unescape = (s) => s.replaceAll("&amp;", "&").replaceAll("&#43;", "+").replaceAll("&#34;", '"').replaceAll("&#x2F;", "/");

export class Browser {
  #cookies = new Map(); // by host

  // open asks for a page, or sends a form, and does not follow.
  async open(url, form) {
    const { host } = new URL(url);
    const cookies = this.#cookies.get(host) ?? new Map();
    this.#cookies.set(host, cookies);
    const answer = await fetch(url, {
      redirect: "manual", method: form ? "POST" : "GET", body: form && new URLSearchParams(form),
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value === "") cookies.delete(name); else cookies.set(name, value);
    }
    const to = answer.headers.get("location");
    return { url, status: answer.status, to: to && new URL(to, url).href, body: await answer.text() };
  }

  // go opens and follows, until a page or until the application.
  async go(url, form) {
    let page = await this.open(url, form);
    while (page.to && !page.to.startsWith(callback)) page = await this.open(page.to);
    return page;
  }

  // submit sends the first form of the page, with the values filled in.
  submit(page, values) {
    const action = new URL(unescape(/<form[^>]*action="([^"]*)"/.exec(page.body)[1]), page.url).href;
    const hidden = [...page.body.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"/g)].map((m) => [m[1], unescape(m[2])]);
    return this.go(action, { ...Object.fromEntries(hidden), ...values });
  }
}

// What an app client needs for the sign-in pages.
export const pages = (scopes, ...SupportedIdentityProviders) => ({
  AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ["code"], AllowedOAuthScopes: scopes, CallbackURLs: [callback], SupportedIdentityProviders,
});

// App is an application whose users sign in on the pages of the pool. It verifies ID tokens by the pool's keys.
export class App {
  static async of(pool, client) {
    const app = new App();
    const found = await (await fetch(`${endpoint}/${pool}/.well-known/openid-configuration`)).json();
    app.config = new openid.Configuration(found, client, undefined, openid.None());
    openid.allowInsecureRequests(app.config); // of a server on loopback
    openid.enableNonRepudiationChecks(app.config);
    return app;
  }

  // anybodys is an application that does not know yet whose user will come: the pages that find the tenant ask.
  static anybodys() {
    const app = new App();
    app.config = new openid.Configuration({ issuer: endpoint, authorization_endpoint: `${endpoint}/-/sign-in/oauth2/authorize` }, "any", undefined, openid.None());
    openid.allowInsecureRequests(app.config);
    return app;
  }

  // start is the URL that the application sends a browser to.
  async start(scope, more = {}) {
    this.verifier = openid.randomPKCECodeVerifier();
    this.state = openid.randomState();
    return openid.buildAuthorizationUrl(this.config, {
      redirect_uri: callback, scope, state: this.state, code_challenge_method: "S256", code_challenge: await openid.calculatePKCECodeChallenge(this.verifier), ...more,
    }).href;
  }

  // tokens redeems the code that the browser came back with.
  tokens = (page) => openid.authorizationCodeGrant(this.config, new URL(page.to), { pkceCodeVerifier: this.verifier, expectedState: this.state });
}

// payload is what is in a token of the pool.
export const payload = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
