// Shows times in the reader's zone, renews the activation code, and notices that the link was used.
"use strict";
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  const lang = document.documentElement.lang;
  time.textContent = at.toLocaleString(lang, { dateStyle: "long", timeStyle: "short" });
}
const activation = document.getElementById("activation");
// The reader's clock may be wrong, so the time is counted from the moment of loading.
let deadline = 0;
let renewing = false;
function begin() {
  const seconds = Number(activation.querySelector(".until").dataset.seconds);
  deadline = performance.now() + seconds * 1000;
}
async function renew() {
  renewing = true;
  try {
    const answer = await fetch(activation.dataset.code);
    if (answer.ok) {
      activation.innerHTML = await answer.text();
      begin();
    } else if (answer.status < 500 && answer.status !== 429) location.reload();
  } catch {
    // The server cannot be reached now; the next second tries again.
  }
  renewing = false;
}
function count() {
  const until = activation.querySelector(".until");
  const left = Math.ceil((deadline - performance.now()) / 1000);
  if (left <= 0 && !renewing && !document.hidden) renew();
  until.textContent = until.textContent.replace(/\d+/, Math.max(left, 0));
}
async function watch() {
  if (document.hidden) return;
  try {
    const answer = await fetch(activation.dataset.state);
    if (!answer.ok) return;
    const { state } = await answer.json();
    if (state !== "open") location.reload();
  } catch {
    // The next look tries again.
  }
}
if (activation) {
  begin();
  setInterval(count, 1000);
  setInterval(watch, 2000);
}
