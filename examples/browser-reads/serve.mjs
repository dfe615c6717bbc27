// Serves the page on loopback. Its script is page.mjs with the SDK, as esbuild puts them together for browsers.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { endpoint } from "../lib/setup.mjs";
import { acme, globex, makePlace } from "./place.mjs";

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

// makePage returns the files of the page by path.
export async function makePage(place) {
  const { outputFiles: [script] } = await build({
    entryPoints: [file("page.mjs")], bundle: true, write: false, format: "esm", platform: "browser", define: { global: "globalThis" }, logLevel: "error",
  });
  return {
    "/": ["text/html; charset=utf-8", readFileSync(file("index.html"))],
    "/page.js": ["text/javascript; charset=utf-8", script.text],
    "/place.json": ["application/json", JSON.stringify({ ...place, endpoint, organisations: [acme, globex] })],
  };
}

// servePage serves them and returns the server.
export async function servePage(page, port = 0) {
  const server = createServer((request, answer) => {
    const [type, body] = page[request.url] ?? [];
    answer.writeHead(type ? 200 : 404, type && { "content-type": type }).end(body);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return server;
}

if (process.argv[1] === file("serve.mjs")) {
  const server = await servePage(await makePage(await makePlace()), 4680);
  console.log(`open http://127.0.0.1:${server.address().port}/`);
}
