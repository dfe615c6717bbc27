// A server of a test's own, with TLS and with issuers that are URLs of it, as it runs in production.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

const letters = (n) => [...randomBytes(n)].map((b) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[b % 32]).join("");

// serve starts a server and returns its address, its port, what SDK clients need to call it, and how to stop it.
export async function serve(...flags) {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), "bulkhead-js."));
  const endpoint = `https://localhost:${port}`;
  const credentials = { accessKeyId: `AKIA${letters(16)}`, secretAccessKey: letters(40) };
  const child = spawn(join(root, "bin/bulkhead"), [
    "serve", "--listen", `127.0.0.1:${port}`, "--data", data, "--store", "memory", "--issuer-url", endpoint, "--allow-private-issuers",
    "--tls-cert", `${process.env.BULKHEAD_TEST_TLS}.crt`, "--tls-key", `${process.env.BULKHEAD_TEST_TLS}.key`, ...flags,
  ], { stdio: ["ignore", "ignore", "pipe"], env: { BULKHEAD_ROOT_ACCESS_KEY_ID: credentials.accessKeyId, BULKHEAD_ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey } });
  let log = "";
  child.stderr.on("data", (text) => { log = (log + text).slice(-20000); });
  const ended = new Promise((done) => child.on("exit", done));
  const stop = async () => {
    child.kill("SIGTERM");
    const status = await ended;
    rmSync(data, { recursive: true });
    assert.equal(status, 0, log);
    assert.doesNotMatch(log, /panic|goroutine \d+ \[/);
  };
  for (let i = 0; ; i++) {
    if (child.exitCode !== null || i === 300) {
      await stop();
      throw new Error(`the server did not start: ${log}`);
    }
    if ((await fetch(`${endpoint}/-/readyz`).catch(() => null))?.ok) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  return { endpoint, port, credentials, config: { endpoint, credentials, region: "us-east-1" }, stop, log: () => log };
}
