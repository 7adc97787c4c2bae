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
  // What was typed and not sent, perhaps a secret, is not left lying in the page.
  dialog.addEventListener("close", () => dialog.replaceChildren());
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
    // Whoever has closed it meanwhile does not wait for it any more.
    if (!form.isConnected) return;
    // A refusal is a notice, which has its place in the form; anything else takes the form's place.
    if (nodes.some((node) => node.matches(".notice"))) {
      (form.querySelector(".slot") ?? form).replaceChildren(...nodes);
      markFields(form);
    } else {
      dialog.replaceChildren(...nodes);
      humanise(dialog);
      (dialog.querySelector("[autofocus]") ?? dialog.querySelector("footer .button, footer button"))?.focus();
      const next = dialog.querySelector("form[data-go]");
      next?.requestSubmit(next.querySelector("footer .primary"));
    }
  } catch {
    form.querySelector(".slot")?.replaceChildren(complaint());
  }
  for (const field of form.querySelectorAll("[data-secret]")) field.value = "";
  button?.classList.remove("working");
}

// What a refusal says of a field is told at the field as well.
function markFields(form) {
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  for (const mistake of [...form.querySelectorAll(".slot [data-field]")].reverse()) {
    const field = form.elements[mistake.dataset.field];
    if (!(field instanceof HTMLElement) || field.type === "hidden") continue;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", mistake.id);
    const [name, label] = [mistake.querySelector("code"), field.labels[0]?.querySelector("span")];
    if (name && label) name.textContent = label.textContent;
    field.focus();
  }
}

function complaint() {
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = words.away;
  return notice;
}
