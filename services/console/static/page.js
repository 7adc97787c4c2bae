// Reads pieces of pages from the server and puts them in place: the only file that makes nodes out of HTML.
// The server escapes every value; the policy's name is the only one that the content security policy knows.
const policy = globalThis.trustedTypes?.createPolicy("callboard", { createHTML: (html) => html });

export const words = document.getElementById("words").dataset;

export function parsed(html) {
  const document_ = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  return [...document_.body.children].map((node) => document.adoptNode(node));
}

export class SignedOut extends Error {}

export async function read(address, headers = {}, options = {}) {
  const answer = await fetch(address, { ...options, headers: { ...headers, ...options.headers }, credentials: "same-origin" });
  if (answer.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new SignedOut();
  }
  return answer;
}

// Makes `old` look like `fresh`, touching only what differs: focus, scroll and open sheets stay as they are.
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE || old.isEqualNode(fresh)) return;
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
  if (!old.matches("input, textarea, select")) morphChildren(old, fresh);
}

// What the reader has opened, chosen or is typing in.
const kept = (node, name) =>
  name === "open" || (name === "class" && node.matches("table")) || (node === document.activeElement && node.matches("input, textarea, select"));

function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const known = child.dataset?.key && keyed.get(child.dataset.key);
    if (known) {
      keyed.delete(child.dataset.key);
      if (known !== place) old.insertBefore(known, place);
      else place = place.nextSibling;
      if (!known.isEqualNode(child) && known.nodeName === "TR") flash(known);
      morph(known, child);
    } else if (place && !place.dataset?.key && !child.dataset?.key && place.nodeName === child.nodeName) {
      const next = place.nextSibling;
      morph(place, child);
      place = next;
    } else old.insertBefore(child, place);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function flash(row) {
  row.classList.remove("changed");
  requestAnimationFrame(() => row.classList.add("changed"));
  row.addEventListener("animationend", () => row.classList.remove("changed"), { once: true });
}
