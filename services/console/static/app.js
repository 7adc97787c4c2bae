// Starts what every page has. The page works without any of this: links lead, forms are sent, tables are whole.
import { followChanges } from "./live.js";
import { openDialogs } from "./dialogs.js";
import { liveFilters } from "./filters.js";
import { rememberColumns } from "./columns.js";
import { copyOnClick } from "./copy.js";
import { followChoices } from "./choices.js";
import { keepTimesFresh } from "./times.js";

document.documentElement.classList.add("js");
keepTimesFresh();
openDialogs();
liveFilters();
rememberColumns();
copyOnClick();
followChoices();
followChanges();

const parts = { "#editor": "./editor.js", "#push": "./push.js", "[data-upload]": "./upload.js" };
for (const [selector, module] of Object.entries(parts)) if (document.querySelector(selector)) import(module);

// A sheet closes where one clicks beside it, and with Escape.
document.addEventListener("click", (event) => {
  for (const sheet of document.querySelectorAll("details.drop[open]")) if (!sheet.contains(event.target)) sheet.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const sheet of document.querySelectorAll("details.drop[open], #menu[open]")) {
    sheet.open = false;
    sheet.querySelector("summary").focus();
  }
});
