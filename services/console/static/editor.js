// The editor: a text field with paint under it. Mistakes are marked at their lines while one types, as the deployer and
// the nodes will see them; the rehearsal beside it plays the text as it stands, from the beginning, for every line said.
import { parsed, read } from "./page.js";

const frame = document.getElementById("editor");
const text = frame.querySelector("textarea");
const paint = frame.querySelector(".paint");
const gutter = frame.querySelector(".gutter");
const mistakes = document.getElementById("mistakes");
const verdict = document.getElementById("verdict");
const chat = document.getElementById("chat");
const say = document.getElementById("say");
const CHECK_AFTER = 350;
const TOKENS = /(#.*$)|("(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)|^(\s*(?:- )*)([\w.-]+)(?=:(?:\s|$))|(\{\{.*?\}\}|\{%.*?%\})/gm;

let marked = new Map();
let deeds = [];
let timer = 0;
let asked = 0;

function draw() {
  const lines = text.value.split("\n");
  text.rows = lines.length + 1;
  text.cols = Math.max(40, ...lines.map((line) => line.length + 2));
  paint.replaceChildren(...lines.map(painted));
  gutter.replaceChildren(...lines.map((_, at) => element("i", String(at + 1), marked.has(at + 1) ? "wrong" : "")));
}

function painted(line, at) {
  const row = element("span", "", marked.has(at + 1) ? "row wrong" : "row");
  let from = 0;
  for (const found of line.matchAll(TOKENS)) {
    const [all, comment, string, indent, key] = found;
    row.append(line.slice(from, found.index) + (indent ?? ""));
    row.append(element("span", key ?? all, comment ? "comment" : string ? "string" : key ? "key" : "template"));
    from = found.index + all.length;
  }
  row.append(line.slice(from) + "\n");
  return row;
}

function element(name, content, className) {
  const made = document.createElement(name);
  made.textContent = content;
  if (className) made.className = className;
  return made;
}

async function check() {
  const mine = ++asked;
  show("quiet", frame.dataset.checking);
  let told;
  try {
    told = await (await send("/scripts/check", { source: text.value })).json();
  } catch {
    return void (timer = setTimeout(check, 3000));
  }
  if (mine !== asked) return;
  marked = new Map(told.mistakes.map((one) => [one.line, one]));
  if (told.mistakes.length) show("bad", frame.dataset.bad.replace("{number}", told.mistakes.length));
  else show("good", told.tests ? frame.dataset.good.replace("{passed}", told.passed) : frame.dataset.none);
  mistakes.replaceChildren(...told.mistakes.map(mistake));
  text.setAttribute("aria-invalid", String(told.mistakes.length > 0));
  draw();
}

function mistake(one) {
  const item = element("li", "");
  const where = element("button", frame.dataset.line.replace("{line}", one.line), "quiet small");
  where.type = "button";
  where.addEventListener("click", () => goTo(one.line, one.column));
  item.append(where, element("span", (one.test ? `${one.test}: ` : "") + one.message), element("small", one.hint ?? ""));
  return item;
}

function goTo(line, column) {
  const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  text.focus();
  text.setSelectionRange(before + column - 1, before + column - 1);
  gutter.children[line - 1]?.scrollIntoView({ block: "center" });
}

function show(tone, words) {
  verdict.className = `badge ${tone}`;
  verdict.replaceChildren(element("i", ""), words);
}

function send(address, body) {
  return read(address, { "content-type": "application/json" }, { method: "POST", body: JSON.stringify(body) });
}

async function play() {
  const answer = await send("/scripts/rehearse", { source: text.value, deeds });
  if (answer.ok) chat.replaceChildren(...parsed(await answer.text()));
  chat.scrollTop = chat.scrollHeight;
}

function does(deed) {
  deeds = [...deeds, deed].slice(-200);
  play();
}

text.addEventListener("input", () => {
  draw();
  clearTimeout(timer);
  timer = setTimeout(check, CHECK_AFTER);
});
// A new line begins where the one before it does.
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
  const line = text.value.slice(0, text.selectionStart).split("\n").at(-1);
  const indent = line.match(/^\s*/)[0] + (/:\s*$/.test(line) ? "  " : "");
  event.preventDefault();
  text.setRangeText(`\n${indent}`, text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input"));
});
say.addEventListener("submit", (event) => {
  event.preventDefault();
  const field = say.elements.text;
  if (field.value) does({ do: "say", text: field.value, name: say.elements.name.value || "guest" });
  field.value = "";
});
for (const button of document.querySelectorAll("[data-do]")) {
  const { do: what, seconds } = button.dataset;
  button.addEventListener("click", () => does({ do: what, seconds: Number(seconds ?? 0), name: say.elements.name.value || "guest" }));
}
document.getElementById("again").addEventListener("click", () => {
  deeds = [];
  play();
});
// What was typed and not stored is not lost to a careless click.
const stored = text.value;
let leaving = false;
document.getElementById("draft").addEventListener("submit", () => (leaving = true));
addEventListener("beforeunload", (event) => {
  if (!leaving && text.value !== stored) event.preventDefault();
});

draw();
check();
