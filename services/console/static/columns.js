// Which columns of a table are shown: kept in the browser, for they are about this screen.
export function rememberColumns() {
  const sheet = document.querySelector("[data-columns]");
  if (!sheet) return;
  const place = `columns of ${sheet.dataset.columns}`;
  const hidden = new Set(JSON.parse(localStorage.getItem(place) ?? "[]"));
  const apply = () => {
    document.querySelector("main").className = [...hidden].map((name) => `h-${name}`).join(" ");
  };
  for (const box of sheet.querySelectorAll("input")) {
    box.checked = !hidden.has(box.value);
    box.addEventListener("change", () => {
      hidden[box.checked ? "delete" : "add"](box.value);
      localStorage.setItem(place, JSON.stringify([...hidden]));
      apply();
    });
  }
  apply();
}
