// Choosing nodes: a list that can be searched, and how many are chosen. Times are meant in the reader's zone.
import { showChosen } from "./choices.js";

const form = document.getElementById("push");
const find = document.getElementById("find-node");
const chosen = document.getElementById("chosen");
const boxes = [...form.querySelectorAll("input[name=node]")];
const zones = document.getElementById("zones");

function by(value) {
  form.querySelector(`input[name=by][value=${value}]`).checked = true;
  showChosen(form);
}

function count() {
  const number = boxes.filter((box) => box.checked).length;
  chosen.textContent = number ? chosen.dataset.text.replace("{number}", number) : "";
}

find.addEventListener("input", () => {
  const part = find.value.toLowerCase();
  for (const box of boxes) box.closest("li").hidden = !box.closest("li").textContent.toLowerCase().includes(part);
});
find.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
for (const box of boxes) {
  box.addEventListener("change", () => {
    by("nodes");
    count();
  });
}
form.elements.selector.addEventListener("input", () => by("selector"));
count();

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  form.elements.zone.value = zone;
  form.querySelector("[data-zone]").textContent = zone;
}
for (const name of Intl.supportedValuesOf?.("timeZone") ?? []) zones.append(new Option("", name));
