// Times are relative, with the exact one on hover, in the reader's zone and language; what was chosen to the minute is exact.
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];

export function humanise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const title = exact.format(at);
    const text = "exact" in time.dataset ? title : inWords((at - Date.now()) / 1000);
    if (time.textContent !== text) time.textContent = text;
    if (time.title !== title) time.title = title;
  }
}

function inWords(seconds) {
  // Seconds that jump are no news: the last ten of them are now.
  if (Math.abs(seconds) < 10) return relative.format(0, "second");
  let value = seconds;
  for (const [unit, size] of STEPS) {
    if (Math.abs(value) < size) return relative.format(Math.trunc(unit === "second" ? value / 10 : value) * (unit === "second" ? 10 : 1), unit);
    value /= size;
  }
}

export function keepTimesFresh() {
  humanise(document);
  setInterval(() => humanise(document), 10_000);
}
