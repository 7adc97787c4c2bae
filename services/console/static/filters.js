// A form of filters is sent while one types, and a page of a list is turned, without leaving the page.
import { readRegions } from "./regions.js";

const TYPING = 180;
let shown = place();

export function liveFilters() {
  const form = document.querySelector("form[data-filters]");
  const names = form ? form.dataset.filters.split(" ") : ["table", "deliveries"];
  // What is beside a list does not change with its page.
  const turned = form ? names.slice(0, 1) : names;
  let timer = 0;
  form?.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => go(addressOf(form), names), event.target.matches("select") ? 0 : TYPING);
  });
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    go(addressOf(form), names);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-page]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    const order = new URL(link.href).searchParams.get("sort");
    const sorted = order !== new URL(location.href).searchParams.get("sort");
    const field = form?.querySelector("[name=sort]");
    if (field) field.value = order ?? "";
    else if (order && form) form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "sort", value: order }));
    go(link.href, sorted ? names : turned, true);
  });
  // A link within the page comes here too, and has nothing to read.
  addEventListener("popstate", () => place() === shown || location.reload());
}

async function go(address, names, remember = false) {
  history[remember ? "pushState" : "replaceState"](null, "", address);
  shown = place();
  try {
    await readRegions(names, address);
  } catch {
    location.assign(address);
  }
  document.querySelector("a[download]")?.setAttribute("href", `/accounts.csv${location.search}`);
}

function place() {
  return location.pathname + location.search;
}

function addressOf(form) {
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  const query = new URLSearchParams(given).toString();
  return form.getAttribute("action") + (query ? `?${query}` : "");
}
