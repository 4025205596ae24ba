// Runs the script of the pages for five minutes of a reader whose clock is wrong, and prints how often it renewed the code
// and what it showed at the end. Arguments: the script, and how wrong the clock is in seconds.
"use strict";
const fs = require("fs");
const vm = require("vm");
const [script, wrongSeconds] = process.argv.slice(2);

let now = 0;
let renewed = 0;
const until = { dataset: { seconds: "60" }, textContent: "It expires in 60 seconds." };
const activation = {
  dataset: { state: "/i/x/state", code: "/i/x/code" },
  querySelector: () => until,
  set innerHTML(_) {
    until.textContent = "It expires in 60 seconds.";
  },
};
const timers = [];
class WrongDate extends Date {
  static now() {
    return now + wrongSeconds * 1000;
  }
}
const answer = (path) => {
  if (path.endsWith("/code")) renewed += 1;
  return { ok: true, status: 200, text: async () => "", json: async () => ({ state: "open" }) };
};
vm.runInNewContext(fs.readFileSync(script, "utf8"), {
  document: { querySelectorAll: () => [], getElementById: () => activation, hidden: false },
  location: { reload: () => console.log("reloaded") },
  performance: { now: () => now },
  Date: WrongDate,
  fetch: async (path) => answer(path),
  setInterval: (run, every) => timers.push({ run, every }),
});
(async () => {
  for (now = 1000; now <= 290_000; now += 1000) {
    for (const { run, every } of timers) if (now % every === 0) run();
    // Lets the promises of this second end.
    await new Promise(setImmediate);
  }
  console.log(`${renewed} ${until.textContent.match(/\d+/)[0]}`);
})();
