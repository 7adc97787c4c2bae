// What is to be typed elsewhere is copied with a click.
import { words } from "./page.js";

export function copyOnClick() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const before = button.textContent;
    button.textContent = words.copied;
    setTimeout(() => (button.textContent = before), 1500);
  });
}
