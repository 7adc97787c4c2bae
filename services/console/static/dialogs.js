// A link with `data-dialog` is opened in a dialog; the form in it is sent from there, and a refusal is shown in it.
import { parsed, read, words } from "./page.js";
import { humanise } from "./times.js";
import { showChosen } from "./choices.js";

const dialog = document.getElementById("dialog");

export function openDialogs() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (link && !event.metaKey && !event.ctrlKey) {
      event.preventDefault();
      open(link);
    }
    if (event.target.closest("[data-close]") || event.target === dialog) dialog.close();
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    // What answers with a file is the browser's: it saves it, and the page stays.
    if ("download" in event.target.dataset) return dialog.close();
    if (dialog.contains(event.target)) {
      event.preventDefault();
      send(event.target, event.submitter);
    } else event.submitter?.classList.add("working");
  });
}

async function open(link) {
  link.classList.add("working");
  try {
    const answer = await read(link.href, { "x-dialog": "1" });
    dialog.replaceChildren(...parsed(await answer.text()));
    humanise(dialog);
    for (const form of dialog.querySelectorAll("form")) showChosen(form);
  } catch {
    dialog.replaceChildren(complaint());
  } finally {
    link.classList.remove("working");
  }
  dialog.showModal();
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector("footer button[data-close]"))?.focus();
}

async function send(form, button) {
  button?.classList.add("working");
  const given = new FormData(form, button);
  const body = form.enctype === "multipart/form-data" ? given : new URLSearchParams(given);
  const address = button?.hasAttribute("formaction") ? button.formAction : form.action;
  try {
    const answer = await read(address, { "x-dialog": "1" }, { method: "POST", body });
    if (answer.headers.has("x-location")) return void location.assign(answer.headers.get("x-location"));
    const nodes = parsed(await answer.text());
    // A refusal is a notice, which has its place in the form; anything else takes the form's place.
    if (nodes.some((node) => node.matches(".notice"))) (form.querySelector(".slot") ?? form).replaceChildren(...nodes);
    else {
      dialog.replaceChildren(...nodes);
      humanise(dialog);
    }
  } catch {
    form.querySelector(".slot")?.replaceChildren(complaint());
  }
  button?.classList.remove("working");
}

function complaint() {
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = words.away;
  return notice;
}
