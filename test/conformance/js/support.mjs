// What the suites share. The clients find the server by AWS_ENDPOINT_URL alone.
import { randomBytes } from "node:crypto";
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
