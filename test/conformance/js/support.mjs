// What the suites share. The clients find the server by AWS_ENDPOINT_URL alone.
import { createHash, createHmac, randomBytes } from "node:crypto";
import assert from "node:assert/strict";
import { IAMClient, CreateUserCommand, PutUserPolicyCommand, CreateAccessKeyCommand, CreateRoleCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

export const region = process.env.AWS_REGION;
export const endpoint = process.env.AWS_ENDPOINT_URL;
export const unique = (prefix) => `${prefix}-${randomBytes(5).toString("hex")}`;
export const allow = (action, resource = "*", condition) => ({ Effect: "Allow", Action: action, Resource: resource, ...(condition && { Condition: condition }) });
export const policy = (...statements) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

const iam = new IAMClient();

export async function account() {
  return (await new STSClient().send(new GetCallerIdentityCommand())).Account;
}

// operator returns credentials of a user who may do everything: root users assume no roles.
export async function operator() {
  const UserName = unique("js-operator");
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "all", PolicyDocument: policy(allow("*")) }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
}

// makeRole makes a role with an inline policy and returns its ARN.
export async function makeRole(trust, ...statements) {
  const RoleName = unique("js-role");
  const { Role } = await iam.send(new CreateRoleCommand({
    RoleName, AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
  }));
  if (statements.length > 0) {
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "inline", PolicyDocument: policy(...statements) }));
  }
  return Role.Arn;
}

// refused expects the promise to fail with the error name.
export async function refused(promise, name) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.name, name, `${e.name}: ${e.message}`);
    return true;
  });
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

// messages are what the server's own mailbox holds for an address, by its API (Signature Version 4 of a GET without a body).
// at is the server and who asks; the suite's server and its root user if it is left out.
export async function messages(to, at = { endpoint, credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY } }) {
  const url = new URL(`/-/api/v1/messages?to=${encodeURIComponent(to)}`, at.endpoint);
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${region}/bulkhead/aws4_request`;
  const canonical = ["GET", url.pathname, url.search.slice(1), `host:${url.host}`, `x-amz-date:${time}`, "", "host;x-amz-date", sha256("")].join("\n");
  const key = [time.slice(0, 8), region, "bulkhead", "aws4_request"].reduce(hmac, `AWS4${at.credentials.secretAccessKey}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n")).toString("hex");
  const answer = await fetch(url, { headers: {
    "x-amz-date": time,
    authorization: `AWS4-HMAC-SHA256 Credential=${at.credentials.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
  } });
  assert.equal(answer.status, 200, await answer.clone().text());
  return (await answer.json()).Messages;
}

// totp is RFC 6238's code; step is how many steps from now, so that no code is used twice.
export function totp(secret, step = 0) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + step));
  const h = createHmac("sha1", Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(counter).digest();
  return String((h.readUInt32BE(h[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
}
