// Files are dropped or chosen, and sent one after the other, each with its own progress and its own answer.
import { parsed, words } from "./page.js";
import { readRegions } from "./regions.js";

const box = document.querySelector("[data-upload]");
const input = box.querySelector("input[type=file]");
const list = box.querySelector(".uploads");
let queue = Promise.resolve();

function add(files) {
  for (const file of files) {
    const item = document.createElement("li");
    const name = Object.assign(document.createElement("b"), { textContent: file.name });
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    bar.setAttribute("aria-label", file.name);
    item.append(name, bar);
    list.append(item);
    queue = queue.then(() => send(file, item, bar));
  }
}

// fetch tells nothing of how far an upload is.
function send(file, item, bar) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", `${box.dataset.upload}?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("x-dialog", "1");
    request.upload.onprogress = (event) => (bar.value = event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      bar.remove();
      if (request.status === 401) return location.reload();
      const told = (request.getResponseHeader("content-type") ?? "").startsWith("text/html");
      item.append(...(told ? parsed(request.responseText) : [box.dataset.tooLarge]));
      readRegions([box.dataset.regionAfter]).finally(done);
    };
    request.onerror = () => {
      bar.remove();
      item.append(words.away);
      done();
    };
    request.send(file);
  });
}

input.addEventListener("change", () => {
  add(input.files);
  input.value = "";
});
for (const kind of ["dragenter", "dragover"]) {
  box.addEventListener(kind, (event) => {
    event.preventDefault();
    box.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) box.addEventListener(kind, () => box.classList.remove("over"));
box.addEventListener("drop", (event) => {
  event.preventDefault();
  add(event.dataTransfer.files);
});
