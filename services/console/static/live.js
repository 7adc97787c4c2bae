// What has changed comes from the server as topics with keys; the regions that it concerns are read again.
// A region follows topics: `accounts` always, `accounts?` only for rows that it shows, `accounts~` at once for rows that
// it shows and at leisure for others (one may have come that belongs here). After a cut everything is read again,
// and at the beginning, too, when something has happened since the page was made.

import { goOn, LAZY_PACE, regions, soon } from "./regions.js";

const RETRY = 1500;
let lost = 0;

export function followChanges() {
  const followed = regions().flatMap((region) => topicsOf(region).map(([topic]) => topic));
  for (const region of regions()) goOn(region);
  document.addEventListener("visibilitychange", () => document.hidden || everything());
  if (followed.length) connect([...new Set(followed)]);
}

function connect(topics) {
  const since = document.body.dataset.position ?? "";
  const source = new EventSource(`/live?topics=${topics.join(",")}&since=${since}`);
  let opened = false;
  source.onopen = () => {
    if (opened || lost) everything();
    opened = true;
    show(false);
  };
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onerror = () => {
    show(true);
    // The browser tries again by itself, unless the answer was no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => connect(topics), RETRY);
  };
}

function show(isLost) {
  clearTimeout(lost);
  lost = isLost ? setTimeout(() => (document.getElementById("lost").hidden = false), RETRY) : 0;
  if (!isLost) document.getElementById("lost").hidden = true;
}

function everything() {
  for (const region of regions()) soon(region);
}

function take(news) {
  if (news.reset) return everything();
  for (const region of regions()) {
    for (const [topic, manner] of topicsOf(region)) {
      if (!news[topic]) continue;
      if (manner === "" || concerns(region, news[topic])) soon(region);
      else if (manner === "~") soon(region, LAZY_PACE);
    }
  }
}

function topicsOf(region) {
  return region.dataset.follows
    .split(" ")
    .filter(Boolean)
    .map((word) => (/[?~]$/.test(word) ? [word.slice(0, -1), word.at(-1)] : [word, ""]));
}

function concerns(region, keys) {
  const shown = [...region.querySelectorAll("[data-key]")].map((row) => row.dataset.key);
  return keys.some((key) => (key.endsWith("*") ? shown.some((one) => one.startsWith(key.slice(0, -1))) : shown.includes(key)));
}

