// Runs headless Chromium, and evaluates each line of its input in the page. Prints each value as a line of JSON, or
// {"error": …}. Arguments: the address of the first page.
"use strict";
const { spawn } = require("child_process");
const fs = require("fs");
const os = require("os");
const path = require("path");
const readline = require("readline");

const programs = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const folders = (process.env.PATH || "").split(":");
const found = folders.flatMap((folder) => programs.map((name) => path.join(folder, name))).find((file) => fs.existsSync(file));
const chromium = process.env.BOARDING_TEST_CHROMIUM || found;
if (!chromium) throw new Error("Chromium is missing; tests/run installs it");

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "boarding-chromium-"));
// Containers have no user namespaces, which the sandbox needs, and little shared memory.
const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
const browser = spawn(chromium, options, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const [commands, answers] = [browser.stdio[3], browser.stdio[4]];

// The protocol of the developer tools: JSON, ended by a zero byte.
const waiting = new Map();
let last = 0;
let sessionId;
let text = "";
answers.setEncoding("utf8");
answers.on("data", (part) => {
  const messages = (text + part).split("\0");
  text = messages.pop();
  for (const message of messages.map(JSON.parse)) {
    const settle = waiting.get(message.id);
    waiting.delete(message.id);
    if (settle) settle(message);
  }
});
function send(method, params) {
  last += 1;
  commands.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
  return new Promise((resolve) => waiting.set(last, resolve));
}

(async () => {
  const target = await send("Target.createTarget", { url: process.argv[2] });
  const { targetId } = target.result;
  sessionId = (await send("Target.attachToTarget", { targetId, flatten: true })).result.sessionId;
  for await (const expression of readline.createInterface({ input: process.stdin })) {
    const answer = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    const failed = answer.error || answer.result.exceptionDetails;
    console.log(JSON.stringify(failed ? { error: failed } : answer.result.result.value ?? null));
  }
})().finally(() => {
  browser.on("exit", () => fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  browser.kill();
});
