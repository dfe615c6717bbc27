// Remembered devices as a browser keeps them: amazon-cognito-identity-js makes the device's secret, confirms the device and
// answers DEVICE_SRP_AUTH and DEVICE_PASSWORD_VERIFIER by itself.
import { before, test } from "node:test";
import assert from "node:assert/strict";
import Cognito from "amazon-cognito-identity-js";
import {
  AdminCreateUserCommand, AdminForgetDeviceCommand, AdminListDevicesCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient,
  CreateUserPoolClientCommand, CreateUserPoolCommand,
} from "@aws-sdk/client-cognito-identity-provider";
import { endpoint, unique } from "./support.mjs";

const password = "Correct-Horse-9-Battery";
const users = new CognitoIdentityProviderClient();
let pool, client;

before(async () => {
  pool = (await users.send(new CreateUserPoolCommand({
    PoolName: unique("js-devices"), DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false },
  }))).UserPool.Id;
  client = (await users.send(new CreateUserPoolClientCommand({
    UserPoolId: pool, ClientName: "js", ExplicitAuthFlows: ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
  }))).UserPoolClient.ClientId;
});

async function person() {
  const Username = unique("person");
  await users.send(new AdminCreateUserCommand({ UserPoolId: pool, Username, MessageAction: "SUPPRESS" }));
  await users.send(new AdminSetUserPasswordCommand({ UserPoolId: pool, Username, Password: password, Permanent: true }));
  return Username;
}

// browser counts the challenges that its client answers.
function browser(name, flow) {
  const user = new Cognito.CognitoUser({ Username: name, Pool: new Cognito.CognitoUserPool({ UserPoolId: pool, ClientId: client, endpoint }) });
  if (flow) user.setAuthenticationFlowType(flow);
  const answered = [];
  const request = user.client.request.bind(user.client);
  user.client.request = (operation, params, done) => {
    answered.push(params.ChallengeName ?? operation);
    return request(operation, params, done);
  };
  const signIn = () => new Promise((resolve, reject) => {
    user.authenticateUser(new Cognito.AuthenticationDetails({ Username: name, Password: password }), { onSuccess: resolve, onFailure: reject });
  });
  return { user, answered, signIn };
}

const call = (user, method, ...args) => new Promise((onSuccess, onFailure) => user[method](...args, { onSuccess, onFailure }));
const deviceOf = (session) => session.getAccessToken().payload.device_key;

for (const flow of ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"]) {
  test(`a device that is remembered shows its secret at the next sign-in (${flow})`, async () => {
    const name = await person();
    const first = browser(name, flow);
    const made = deviceOf(await first.signIn());
    assert.ok(first.answered.includes("ConfirmDevice"), `${first.answered}`);
    const second = browser(name, flow);
    const session = await second.signIn();
    assert.equal(deviceOf(session), made);
    assert.deepEqual(second.answered.slice(-2), ["DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]);
    const fresh = await new Promise((resolve, reject) => second.user.refreshSession(session.getRefreshToken(), (e, s) => (e ? reject(e) : resolve(s))));
    assert.equal(deviceOf(fresh), made);
  });
}

test("a device's status, its lists, and forgetting it", async () => {
  const name = await person();
  const { user, signIn } = browser(name);
  const made = deviceOf(await signIn());
  const status = async () => (await call(user, "getDevice")).Device.DeviceAttributes.find((a) => a.Name === "dev:device_remembered_status").Value;
  assert.equal(await status(), "remembered");
  await call(user, "setDeviceStatusNotRemembered");
  assert.equal(await status(), "not_remembered");
  await call(user, "setDeviceStatusRemembered");
  assert.equal(await status(), "remembered");
  const list = await new Promise((onSuccess, onFailure) => user.listDevices(10, null, { onSuccess, onFailure }));
  assert.deepEqual(list.Devices.map((d) => d.DeviceKey), [made]);
  await call(user, "forgetDevice");
  assert.deepEqual((await users.send(new AdminListDevicesCommand({ UserPoolId: pool, Username: name }))).Devices, []);
});

test("a client whose device an administrator took away signs in as on a new one", async () => {
  const name = await person();
  const made = deviceOf(await browser(name).signIn());
  await users.send(new AdminForgetDeviceCommand({ UserPoolId: pool, Username: name, DeviceKey: made }));
  const { answered, signIn } = browser(name);
  const anew = deviceOf(await signIn());
  assert.notEqual(anew, made);
  assert.equal(answered.filter((a) => a === "PASSWORD_VERIFIER").length, 2, `${answered}`);
});
