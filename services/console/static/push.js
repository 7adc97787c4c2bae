// Choosing nodes: a list that can be searched, and how many are chosen.
const form = document.getElementById("push");
const find = document.getElementById("find-node");
const chosen = document.getElementById("chosen");
const boxes = [...form.querySelectorAll("input[name=node]")];
const by = (value) => form.querySelector(`input[name=by][value=${value}]`);

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
    by("nodes").checked = true;
    count();
  });
}
form.elements.selector.addEventListener("input", () => (by("selector").checked = true));
count();
