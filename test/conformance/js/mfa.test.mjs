// Second factors as a browser meets them: amazon-cognito-identity-js by SRP with an authenticator app, SMS, a choice of both
// and the set-up of an app; mail and passwordless sign-in, which that client does not know, with the SDK.
import { before, test } from "node:test";
import assert from "node:assert/strict";
import Cognito from "amazon-cognito-identity-js";
import {
  AdminCreateUserCommand, AdminSetUserMFAPreferenceCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateUserPoolClientCommand,
  CreateUserPoolCommand, GetTokensFromRefreshTokenCommand, GetUserCommand, InitiateAuthCommand, RespondToAuthChallengeCommand, SetUserPoolMfaConfigCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { endpoint, messages, refused, totp, unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
const admin = new CognitoIdentityProviderClient();
const app = new CognitoIdentityProviderClient({ credentials: { accessKeyId: "", secretAccessKey: "" } });
let optional, required;

async function makePool(mode) {
  const { UserPool } = await admin.send(new CreateUserPoolCommand({
    PoolName: unique("js-mfa"), EmailConfiguration: { EmailSendingAccount: "DEVELOPER" },
    Policies: { SignInPolicy: { AllowedFirstAuthFactors: mode === "ON" ? ["PASSWORD"] : ["PASSWORD", "EMAIL_OTP"] } },
  }));
  await admin.send(new SetUserPoolMfaConfigCommand({
    UserPoolId: UserPool.Id, MfaConfiguration: mode, SoftwareTokenMfaConfiguration: { Enabled: true }, EmailMfaConfiguration: { Message: "Code {####}", Subject: "Code" },
    SmsMfaConfiguration: { SmsConfiguration: { SnsCallerArn: "arn:aws:iam::000000000000:role/sms" }, SmsAuthenticationMessage: "Code {####}" },
  }));
  const { UserPoolClient } = await admin.send(new CreateUserPoolClientCommand({
    UserPoolId: UserPool.Id, ClientName: "js", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
    RefreshTokenRotation: { Feature: "ENABLED", RetryGracePeriodSeconds: 0 },
  }));
  return { id: UserPool.Id, client: UserPoolClient.ClientId };
}

before(async () => {
  [optional, required] = await Promise.all([makePool("OPTIONAL"), makePool("ON")]);
});

async function person(pool, attributes = {}) {
  const who = { UserPoolId: pool.id, Username: unique("person") };
  const UserAttributes = Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
  await admin.send(new AdminCreateUserCommand({ ...who, MessageAction: "SUPPRESS", UserAttributes }));
  await admin.send(new AdminSetUserPasswordCommand({ ...who, Password: password, Permanent: true }));
  return who.Username;
}

const browser = (pool, name) => new Cognito.CognitoUser({
  Username: name, Pool: new Cognito.CognitoUserPool({ UserPoolId: pool.id, ClientId: pool.client, endpoint }),
});

// answers waits for whichever callback comes: its name and arguments.
const answers = (run) => new Promise((resolve, reject) => {
  const on = (name) => (...args) => resolve({ name, args });
  run({
    onSuccess: on("onSuccess"), onFailure: reject, mfaRequired: on("mfaRequired"), totpRequired: on("totpRequired"), mfaSetup: on("mfaSetup"),
    selectMFAType: on("selectMFAType"), associateSecretCode: on("associateSecretCode"),
  });
});
const signIn = (user) => answers((on) => user.authenticateUser(new Cognito.AuthenticationDetails({ Username: user.getUsername(), Password: password }), on));

const code = async (to, digits) => (await messages(to)).at(-1).Body.match(new RegExp(`\\b[0-9]{${digits}}\\b`))[0];
const phone = () => `+1555${String(Math.floor(Math.random() * 1e7)).padStart(7, "0")}`;

test("an app is set up and asked for, where the pool leaves it to the user", async () => {
  const user = browser(optional, await person(optional));
  assert.equal((await signIn(user)).name, "onSuccess");
  const secret = (await answers((on) => user.associateSoftwareToken(on))).args[0];
  await assert.rejects(answers((on) => user.verifySoftwareToken("000000", "phone", on)), { code: "EnableSoftwareTokenMFAException" });
  const used = totp(secret);
  await answers((on) => user.verifySoftwareToken(used, "phone", on));
  await new Promise((resolve, reject) => user.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, (e, r) => (e ? reject(e) : resolve(r))));
  const next = browser(optional, user.getUsername());
  const asked = await signIn(next);
  assert.equal(asked.name, "totpRequired");
  assert.equal(asked.args[1].FRIENDLY_DEVICE_NAME, "phone");
  await assert.rejects(answers((on) => next.sendMFACode("000000", on, "SOFTWARE_TOKEN_MFA")), { code: "CodeMismatchException" });
  await assert.rejects(answers((on) => next.sendMFACode(used, on, "SOFTWARE_TOKEN_MFA")), { code: "CodeMismatchException" });
  const done = await answers((on) => next.sendMFACode(totp(secret, 1), on, "SOFTWARE_TOKEN_MFA"));
  assert.ok(done.args[0].isValid());
});

test("an app is set up on the way in, where the pool requires a second factor", async () => {
  const user = browser(required, await person(required));
  const asked = await signIn(user);
  assert.equal(asked.name, "mfaSetup");
  assert.ok(JSON.parse(asked.args[1].MFAS_CAN_SETUP).includes("SOFTWARE_TOKEN_MFA"));
  const secret = (await answers((on) => user.associateSoftwareToken(on))).args[0];
  const done = await answers((on) => user.verifySoftwareToken(totp(secret), "app", on));
  assert.ok(done.args[0].isValid());
  assert.equal((await signIn(browser(required, user.getUsername()))).name, "totpRequired");
});

test("a code by SMS", async () => {
  const to = phone();
  const user = browser(required, await person(required, { phone_number: to }));
  const asked = await signIn(user);
  assert.equal(asked.name, "mfaRequired");
  assert.equal(asked.args[1].CODE_DELIVERY_DESTINATION.slice(-4), to.slice(-4));
  const right = await code(to, 6);
  await assert.rejects(answers((on) => user.sendMFACode(right === "000000" ? "111111" : "000000", on)), { code: "CodeMismatchException" });
  assert.equal((await answers((on) => user.sendMFACode(right, on))).name, "onSuccess");
});

test("a choice between an app and SMS", async () => {
  const to = phone();
  const name = await person(optional, { phone_number: to });
  const user = browser(optional, name);
  await signIn(user);
  const secret = (await answers((on) => user.associateSoftwareToken(on))).args[0];
  await answers((on) => user.verifySoftwareToken(totp(secret), "app", on));
  await admin.send(new AdminSetUserMFAPreferenceCommand({
    UserPoolId: optional.id, Username: name, SMSMfaSettings: { Enabled: true }, SoftwareTokenMfaSettings: { Enabled: true },
  }));
  const next = browser(optional, name);
  const asked = await signIn(next);
  assert.equal(asked.name, "selectMFAType");
  assert.deepEqual(JSON.parse(asked.args[1].MFAS_CAN_CHOOSE), ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]);
  assert.equal((await answers((on) => next.sendMFASelectionAnswer("SMS_MFA", on))).name, "mfaRequired");
  assert.equal((await answers(async (on) => next.sendMFACode(await code(to, 6), on))).name, "onSuccess");
});

test("a code by mail, as a second factor and by itself", async () => {
  const email = `${unique("m")}@example.com`;
  const USERNAME = await person(optional, { email, email_verified: "true" });
  const alone = await app.send(new InitiateAuthCommand({ ClientId: optional.client, AuthFlow: "USER_AUTH", AuthParameters: { USERNAME } }));
  assert.deepEqual([alone.ChallengeName, ...alone.AvailableChallenges], ["SELECT_CHALLENGE", "EMAIL_OTP", "PASSWORD", "PASSWORD_SRP"]);
  const respond = (ChallengeName, Session, more) => app.send(new RespondToAuthChallengeCommand({
    ClientId: optional.client, ChallengeName, Session, ChallengeResponses: { USERNAME, ...more },
  }));
  const chosen = await respond("SELECT_CHALLENGE", alone.Session, { ANSWER: "EMAIL_OTP" });
  const first = await respond("EMAIL_OTP", chosen.Session, { EMAIL_OTP_CODE: await code(email, 8) });
  assert.ok(first.AuthenticationResult.AccessToken);
  await admin.send(new AdminSetUserMFAPreferenceCommand({ UserPoolId: optional.id, Username: USERNAME, EmailMfaSettings: { Enabled: true, PreferredMfa: true } }));
  const asked = await app.send(new InitiateAuthCommand({ ClientId: optional.client, AuthFlow: "USER_PASSWORD_AUTH", AuthParameters: { USERNAME, PASSWORD: password } }));
  assert.equal(asked.ChallengeName, "EMAIL_OTP");
  const { AuthenticationResult } = await respond("EMAIL_OTP", asked.Session, { EMAIL_OTP_CODE: await code(email, 6) });
  const me = await app.send(new GetUserCommand({ AccessToken: AuthenticationResult.AccessToken }));
  assert.deepEqual([me.UserMFASettingList, me.PreferredMfaSetting], [["EMAIL_OTP"], "EMAIL_OTP"]);
});

test("refresh tokens are used once", async () => {
  const user = browser(optional, await person(optional));
  const { args: [session] } = await signIn(user);
  const exchange = (RefreshToken) => app.send(new GetTokensFromRefreshTokenCommand({ ClientId: optional.client, RefreshToken }));
  const first = session.getRefreshToken().getToken();
  const { AuthenticationResult } = await exchange(first);
  await refused(exchange(first), "RefreshTokenReuseException");
  await refused(exchange(AuthenticationResult.RefreshToken), "NotAuthorizedException");
});
