// Regions are read again by name, each at most once at a time and not more often than its pace.
import { humanise } from "./times.js";
import { morph, parsed, read, SignedOut } from "./page.js";

const PACE = 300;
const LAZY_PACE = 3000;
const AWAY_PACE = 2500;
const state = new WeakMap();

export const regions = () => [...document.querySelectorAll("[data-region]")];
export const regionNamed = (name) => document.querySelector(`[data-region="${name}"]`);

// Reads regions of the page's own address (or of another one, which then is the page's), all in one request.
export async function readRegions(names, address = location.pathname + location.search) {
  const found = names.map(regionNamed).filter(Boolean);
  for (const region of found) region.setAttribute("aria-busy", "true");
  try {
    const answer = await read(address, { "x-regions": found.map((region) => region.dataset.region).join(",") });
    if (answer.status >= 500) throw new Error(answer.statusText);
    for (const fresh of parsed(await answer.text())) {
      const region = fresh.dataset.region && regionNamed(fresh.dataset.region);
      if (!region) continue;
      humanise(fresh);
      morph(region, fresh);
      goOn(region);
    }
  } finally {
    for (const region of found) region.removeAttribute("aria-busy");
  }
}

// Reads a region again soon: at once if it was not read a moment ago.
export function soon(region, pace = PACE) {
  const known = state.get(region) ?? { last: 0, timer: 0, due: Infinity, busy: false };
  state.set(region, known);
  const due = Math.max(Date.now() + (pace === PACE ? 0 : pace), known.last + PACE);
  if (due >= known.due) return;
  known.due = due;
  clearTimeout(known.timer);
  known.timer = setTimeout(() => run(region, known), due - Date.now());
}

async function run(region, known) {
  known.due = Infinity;
  if (!region.isConnected || document.hidden) return;
  if (known.busy) return soon(region);
  known.busy = true;
  known.last = Date.now();
  try {
    await readQuietly(region);
  } catch (error) {
    if (!(error instanceof SignedOut)) soon(region, AWAY_PACE);
  } finally {
    known.busy = false;
  }
}

// As `readRegions`, without greying the region: nobody has asked for it.
async function readQuietly(region) {
  const asked = location.pathname + location.search;
  const answer = await read(asked, { "x-regions": region.dataset.region });
  if (answer.status >= 500) throw new Error(answer.statusText);
  const html = await answer.text();
  // The reader may have gone to another page of the list meanwhile.
  if (asked !== location.pathname + location.search) return soon(region);
  for (const fresh of parsed(html)) {
    if (fresh.dataset.region !== region.dataset.region) continue;
    humanise(fresh);
    morph(region, fresh);
    goOn(region);
  }
}

// What is away is asked for again until it is there; what is at work says how soon it wants to be looked at again.
export function goOn(region) {
  const again = region.querySelector("[data-again]");
  if ("away" in region.dataset) soon(region, AWAY_PACE);
  else if (again) soon(region, Number(again.dataset.again));
  if (document.activeElement === document.body) region.querySelector("[autofocus]")?.focus();
  // What was chosen before and can be done only now.
  const next = region.querySelector("form[data-go]");
  next?.requestSubmit(next.querySelector("button"));
}

export { LAZY_PACE };
