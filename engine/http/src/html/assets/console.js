// Shows times in the zone of the reader, and reads open pages again when the company has new events.
"use strict";
const UPDATE_MILLIS = 250; // at most four updates a second
const POLL_MILLIS = 2000; // without a stream of positions
function showTimes(root) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const lang = document.documentElement.lang;
    time.textContent = at.toLocaleString(lang, { dateStyle: "medium", timeStyle: "medium" });
    time.title = time.dateTime;
  }
}
showTimes(document);
const page = document.querySelector("main");
let stream = null;
let timer = 0;
let wanted = ""; // the position that the page has not shown yet
let reading = false;
let readAt = 0;
let ended = !page.dataset.positions;

// Replaces the content of one part. The element with the focus gets it back, if it is there again.
function replace(old, part) {
  const focus = document.activeElement;
  const inside = old.contains(focus) && focus !== old;
  const key = inside && (focus.id ? `#${CSS.escape(focus.id)}` : focus.getAttribute("href") && `[href="${CSS.escape(focus.getAttribute("href"))}"]`);
  const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  old.replaceChildren(...part.childNodes);
  old.querySelectorAll(".scroll").forEach((one, n) => { one.scrollLeft = scrolled[n] ?? 0; });
  const again = key && old.querySelector(key);
  if (again) again.focus({ preventScroll: true });
}

async function read() {
  if (reading || ended || document.hidden) return;
  reading = true;
  readAt = performance.now();
  const address = new URL(location.href);
  if (wanted) address.searchParams.set("after", wanted);
  else address.searchParams.delete("after");
  wanted = "";
  try {
    const answer = await fetch(address, { headers: { "Boarding-Live": "1" }, cache: "no-store" });
    if (answer.redirected) return location.reload();
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    showTimes(next);
    for (const old of document.querySelectorAll("[data-live]")) {
      const part = next.getElementById(old.id);
      if (part && part.innerHTML !== old.innerHTML) replace(old, part);
    }
    ended = !next.querySelector("main").dataset.positions;
    if (ended) close();
  } catch {
    // The server cannot be reached now. The next update tries again.
  } finally {
    reading = false;
    if (wanted) later();
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(read, Math.max(0, readAt + UPDATE_MILLIS - performance.now()));
}

function close() {
  if (stream) stream.close();
  stream = null;
  clearTimeout(timer);
}

function open() {
  if (ended || stream || document.hidden) return;
  stream = new EventSource(page.dataset.positions);
  stream.onmessage = (event) => { wanted = event.data; later(); };
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return close();
  open();
  read();
});
if (!ended) {
  open();
  setInterval(() => { if (!stream || stream.readyState !== EventSource.OPEN) { read(); if (stream && stream.readyState === EventSource.CLOSED) { close(); open(); } } }, POLL_MILLIS);
}
