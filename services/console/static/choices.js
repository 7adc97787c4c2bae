// Fields that belong to one choice of several are there, and asked for, only with it: data-when="lock=passphrase".
export function followChoices() {
  document.addEventListener("change", (event) => event.target.form && showChosen(event.target.form));
  for (const form of document.forms) showChosen(form);
}

export function showChosen(form) {
  for (const part of form.querySelectorAll("[data-when]")) {
    const [name, value] = part.dataset.when.split("=");
    part.hidden = form.elements[name].value !== value;
    for (const field of part.querySelectorAll("[data-required]")) field.required = !part.hidden;
  }
}
