/**
 * Keeps the status page up to date in the browser: asks for the page again every other second and
 * carries what differs over into the one that is shown. What is shown is thus written in one place,
 * by the server, and focus, selection and opened tables stay as they are.
 */
export const STATUS_PAGE_SCRIPT = `"use strict";
const EVERY_MS = 2000;
const PATIENCE_MS = 5000;
const banner = document.getElementById("connection");
let answeredAt = new Date();
let isAsking = false;

async function update() {
  if (isAsking) return;
  isAsking = true;
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const response = await fetch(document.URL, { cache: "no-store", signal });
    if (!response.ok) throw new Error(response.statusText);
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    lose();
  } finally {
    isAsking = false;
  }
}

function show(next) {
  if (next.documentElement.dataset.version !== document.documentElement.dataset.version) {
    location.reload();
    return;
  }
  answeredAt = new Date();
  document.body.classList.remove("lost");
  if (banner.firstChild) banner.replaceChildren();
  for (const query of ["title", "link[rel=icon]", "header", "main", "footer"]) {
    carry(next.querySelector(query), document.querySelector(query));
  }
}

function lose() {
  document.body.classList.add("lost");
  if (banner.firstChild) return;
  const words = document.createElement("p");
  words.textContent = "The handler has not answered since " +
    answeredAt.toISOString().slice(0, 19).replace("T", " ") +
    " UTC. What you see is from then.";
  banner.append(words);
  document.title = "No answer · teleport-event-handler";
}

function carry(next, shown) {
  if (next.nodeType !== shown.nodeType || next.nodeName !== shown.nodeName) {
    shown.replaceWith(document.importNode(next, true));
  } else if (next.nodeType === Node.TEXT_NODE) {
    if (next.data !== shown.data) shown.data = next.data;
  } else {
    carryAttributes(next, shown);
    carryChildren([...next.childNodes], [...shown.childNodes], shown);
  }
}

function carryAttributes(next, shown) {
  for (const { name, value } of next.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  for (const { name } of [...shown.attributes]) {
    const isReaders = name === "open";
    if (!isReaders && !next.hasAttribute(name)) shown.removeAttribute(name);
  }
}

function carryChildren(next, shown, parent) {
  next.forEach((child, index) => {
    if (index < shown.length) carry(child, shown[index]);
    else parent.append(document.importNode(child, true));
  });
  for (const child of shown.slice(next.length)) child.remove();
}

setInterval(update, EVERY_MS);
document.addEventListener("visibilitychange", update);
`;
