// Runs the page's flow without a browser, and tries to read what is not the reader's.
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { PutItemCommand, QueryCommand, ScanCommand } from "@aws-sdk/client-dynamodb";
import Cognito from "amazon-cognito-identity-js";
import { done, endpoint, expect, mailedCode, password, refusal, unique } from "../lib/setup.mjs";
import { Reader } from "./flow.mjs";
import { acme, globex, makePlace } from "./place.mjs";
import { makePage, servePage } from "./serve.mjs";

const place = await makePlace();
const reader = new Reader({ ...place, endpoint });
const query = (pk) => refusal(reader.rows.send(new QueryCommand({
  TableName: place.table, KeyConditionExpression: "pk = :p", ExpressionAttributeValues: { ":p": { S: pk } },
})));
const text = (pk) => `this is ${pk}`;

expect("an anonymous browser reads public rows", await reader.read("PUBLIC#news"), text("PUBLIC#news"));
for (const pk of [`${acme}#order`, `${globex}#order`, "#order"]) expect(`and not ${pk}`, await refusal(reader.read(pk)), "AccessDeniedException");

// join signs somebody up with an address of the organisation, which the code from the mail confirms.
async function join(name, domain) {
  const email = `${unique(name)}@${domain}`;
  await reader.signUp(name, email, password);
  await reader.confirm(name, await mailedCode(email));
  return reader.signIn(name, password);
}

const { user, org } = await join("ada", "acme.example");
expect("who confirms an address of acme's is of acme", org, acme);
const change = done((cb) => user.updateAttributes([new Cognito.CognitoUserAttribute({ Name: "custom:org", Value: globex })], cb));
expect("and cannot change that", await refusal(change), "NotAuthorizedException");
expect("she reads acme's rows", await reader.read(`${acme}#order`), text(`${acme}#order`));
expect("and public ones", await reader.read("PUBLIC#news"), text("PUBLIC#news"));
for (const pk of [`${globex}#order`, "#order", `${acme}`, `${acme}2#order`]) expect(`and not ${pk}`, await refusal(reader.read(pk)), "AccessDeniedException");
expect("queries are bound as well", [await query(`${acme}#order`), await query(`${globex}#order`)], ["was allowed", "AccessDeniedException"]);
expect("she scans nothing", await refusal(reader.rows.send(new ScanCommand({ TableName: place.table }))), "AccessDeniedException");
const write = reader.rows.send(new PutItemCommand({ TableName: place.table, Item: { pk: { S: `${acme}#order` } } }));
expect("and writes nothing", await refusal(write), "AccessDeniedException");
const { Arn } = await new STSClient({ region: place.region, credentials: reader.rows.config.credentials }).send(new GetCallerIdentityCommand());
expect("her credentials are the identity pool's", Arn.endsWith("/CognitoIdentityCredentials"), true);

expect("globex's user is of globex", (await join("gil", "globex.example")).org, globex);
expect("and reads its rows", await reader.read(`${globex}#order`), text(`${globex}#order`));
expect("and not acme's", await refusal(reader.read(`${acme}#order`)), "AccessDeniedException");
expect("who is of no organisation", (await join("sue", "elsewhere.example")).org, undefined);
expect("reads public rows", await reader.read("PUBLIC#news"), text("PUBLIC#news"));
for (const pk of [`${acme}#order`, "#order"]) expect(`and not ${pk}`, await refusal(reader.read(pk)), "AccessDeniedException");
reader.signedOut();
expect("nor does anybody who has signed out", await refusal(reader.read(`${acme}#order`)), "AccessDeniedException");

// The page itself: it is served, and the server lets a browser's script of another origin call what the page calls.
const server = await servePage(await makePage(place));
const origin = `http://127.0.0.1:${server.address().port}`;
const got = await Promise.all(["/", "/page.js", "/place.json"].map(async (path) => (await fetch(origin + path)).status));
expect("the page is served", got, [200, 200, 200]);
const asked = [
  "authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-target", "amz-sdk-invocation-id", "amz-sdk-request", "x-amz-user-agent", "cache-control",
];
const preflight = await fetch(endpoint, {
  method: "OPTIONS", headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": asked.join(",") },
});
const allowed = preflight.headers.get("access-control-allow-headers")?.toLowerCase().split(/, */) ?? [];
const refused = asked.filter((name) => !allowed.includes(name));
expect("browsers may send what the SDK sends", [preflight.ok, preflight.headers.get("access-control-allow-origin"), refused], [true, "*", []]);
expect("but no cookies", preflight.headers.get("access-control-allow-credentials"), null);
server.close();
