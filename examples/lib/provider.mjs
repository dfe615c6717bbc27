// A tenant's own OpenID Connect provider on loopback: oidc-provider, as it is.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

// startProvider serves until it is closed; people are the claims of its users by their subject.
export async function startProvider(people, redirects) {
  let handle;
  const server = createServer((request, answer) => handle(request, answer));
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: "pool", client_secret: "a-secret-of-the-pool", redirect_uris: redirects, token_endpoint_auth_method: "client_secret_post" }],
    cookies: { keys: ["cookies"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "employee", "tenant"] },
    findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  });
  handle = provider.callback();
  const details = {
    client_id: "pool", client_secret: "a-secret-of-the-pool", authorize_scopes: "openid email profile", attributes_request_method: "GET", oidc_issuer: issuer,
  };
  return { issuer, details, close: () => { server.closeAllConnections(); server.close(); } };
}

// signInAt goes through the provider's own pages: who the user is, and that the pool may know it.
export async function signInAt(browser, page, login) {
  page = await browser.submit(page, { prompt: "login", login, password: "any" });
  return browser.submit(page, { prompt: "consent" });
}
