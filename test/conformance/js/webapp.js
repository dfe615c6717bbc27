// The application that webapp.test.mjs runs in Chromium, bundled by esbuild: what a tenant's user does in a browser, with
// the clients that AWS has for it, as they are.
import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";
import { Hub } from "aws-amplify/utils";
import { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } from "amazon-cognito-identity-js";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

// answer turns callbacks into a promise of the name and argument of the one that came.
const answer = (run) => new Promise((resolve, reject) => {
  const on = (name) => (value) => resolve({ name, value });
  run({ onSuccess: on("onSuccess"), onFailure: reject, totpRequired: on("totpRequired"), associateSecretCode: on("associateSecretCode") });
});
const called = (run) => new Promise((resolve, reject) => run((e, value) => (e ? reject(e) : resolve(value))));

function classic({ pool, client, endpoint }) {
  const users = new CognitoUserPool({ UserPoolId: pool, ClientId: client, endpoint });
  const current = async () => {
    const me = users.getCurrentUser();
    return { user: me, session: await called((done) => me.getSession(done)) };
  };
  let user;
  return {
    signUp: (name, password, email) => called((done) => users.signUp(name, password, [new CognitoUserAttribute({ Name: "email", Value: email })], null, done)).then((r) => r.userConfirmed),
    confirm: (name, code) => called((done) => new CognitoUser({ Username: name, Pool: users }).confirmRegistration(code, false, done)),
    async signIn(name, password) {
      user = new CognitoUser({ Username: name, Pool: users });
      return (await answer((on) => user.authenticateUser(new AuthenticationDetails({ Username: name, Password: password }), on))).name;
    },
    totp: (code) => answer((on) => user.sendMFACode(code, on, "SOFTWARE_TOKEN_MFA")).then((r) => r.name),
    setUp: () => answer((on) => user.associateSoftwareToken(on)).then((r) => r.value),
    async verify(code) {
      await answer((on) => user.verifySoftwareToken(code, "browser", on));
      await called((done) => user.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, done));
    },
    remember: () => answer((on) => user.setDeviceStatusRemembered(on)).then((r) => r.value),
    async refresh() {
      const { user: me, session } = await current();
      const fresh = await called((done) => me.refreshSession(session.getRefreshToken(), done));
      return fresh.getAccessToken().getJwtToken() !== session.getAccessToken().getJwtToken();
    },
    async changePassword(before, after) {
      const { user: me } = await current();
      return called((done) => me.changePassword(before, after, done));
    },
    async signOut() {
      const { user: me } = await current();
      await answer((on) => me.globalSignOut(on));
      return users.getCurrentUser() === null;
    },
  };
}

// configure points Amplify at the server; the hosted pages are at the pool's domain.
function configure({ pool, client, endpoint, identityPool, domain }) {
  const here = `${location.origin}/`;
  Amplify.configure({ Auth: { Cognito: {
    userPoolId: pool, userPoolClientId: client, userPoolEndpoint: `${endpoint}/`, identityPoolId: identityPool, identityPoolEndpoint: `${endpoint}/`,
    loginWith: { oauth: { domain, scopes: ["openid", "email", "profile", "aws.cognito.signin.user.admin"], redirectSignIn: [here], redirectSignOut: [here], responseType: "code" } },
  } } });
}

// row reads a row with the credentials of the identity pool; the name of the error if that is refused.
async function row({ endpoint, table }, pk) {
  const { credentials } = await auth.fetchAuthSession();
  const data = new DynamoDBClient({ endpoint, region: "us-east-1", credentials });
  return data.send(new GetItemCommand({ TableName: table, Key: { pk: { S: pk } } })).then((r) => r.Item?.pk.S ?? "no row", (e) => e.name);
}

const events = [];
Hub.listen("auth", ({ payload }) => events.push(payload.event));
const saved = sessionStorage.getItem("config");
if (saved) configure(JSON.parse(saved));

globalThis.app = {
  classic, auth, row, events,
  configure(config) {
    sessionStorage.setItem("config", JSON.stringify(config));
    configure(config);
  },
  claims: async () => (await auth.fetchAuthSession()).tokens?.idToken.payload,
};
