// Chromium of the system, driven by Playwright. Every page that a test looks at is checked: what it logs, what its content
// security policy refuses, what axe-core finds, in light and dark, on a desk and a phone; and each look is kept as a picture.
import assert from "node:assert/strict";
import { accessSync, constants, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright-core";

const executablePath = process.env.BULKHEAD_TEST_CHROMIUM ?? "/usr/bin/chromium";
const pictures = process.env.BULKHEAD_TEST_PICTURES ?? join(dirname(fileURLToPath(import.meta.url)), "pictures");

// skip is why tests with Chromium do not run, or false. CI has it. The pages are the same whatever the store is.
export const skip = reason();

function reason() {
  if (process.env.BULKHEAD_TEST_STORE === "postgres") return "once is enough: with the embedded store";
  try {
    accessSync(executablePath, constants.X_OK);
    return false;
  } catch (e) {
    if (process.env.CI === "true") throw e;
    const text = `NOT RUN: there is no ${executablePath}; apt-get install chromium, or set BULKHEAD_TEST_CHROMIUM`;
    console.error(text);
    return text;
  }
}

export const launch = () => chromium.launch({
  executablePath, args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

const sizes = { desk: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };

// open returns a page of a browser without history, which fails the test by done if anything went wrong on the way.
export async function open(browser, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: sizes.desk, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const faults = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) faults.push(`${page.url()}: ${m.text()}`); });
  page.on("pageerror", (e) => faults.push(`${page.url()}: ${e}`));
  // Who goes on to the next page ends what the last one was still loading.
  page.on("requestfailed", (r) => { if (r.failure()?.errorText !== "net::ERR_ABORTED") faults.push(`${r.url()}: ${r.failure()?.errorText}`); });
  const done = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { context, page, faults, done };
}

// The looks that are checked: each colour and each size once. With BULKHEAD_TEST_PICTURES there are pictures of all four.
const looks = [["light", "desk"], ["dark", "phone"], ...(process.env.BULKHEAD_TEST_PICTURES ? [["dark", "desk"], ["light", "phone"]] : [])];

// look checks a page and keeps its pictures under a name.
export async function look(page, name) {
  mkdirSync(pictures, { recursive: true });
  const found = [];
  for (const [i, [colorScheme, size]] of looks.entries()) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(sizes[size]);
    await page.screenshot({ path: join(pictures, `${name}-${size}-${colorScheme}.png`), fullPage: true });
    const wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    if (wide > 0) found.push(`${size}: ${wide} pixels too wide`);
    if (i < 2) found.push(...await violations(page, `${size}, ${colorScheme}`));
  }
  await page.setViewportSize(sizes.desk);
  assert.deepEqual(found, [], name);
}

async function violations(page, where) {
  await page.evaluate(`globalThis.axe || (() => { ${axe.source} })()`);
  const results = await page.evaluate(`axe.run(document, { resultTypes: ["violations"], preload: false })`);
  return results.violations.map((v) => `${where}: ${v.impact} ${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" | ")}`);
}
