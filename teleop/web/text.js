// All words on the pages: /text/en.json and /text/zh.json, chosen at run time.

const LANGUAGES = ["en", "zh"];
const listeners = new Set();
let tables = {};
let current = "en";

function stored() {
  try {
    return localStorage.getItem("language");
  } catch {
    return null; // Storage is blocked: the browser's language decides.
  }
}

/** Load both tables (the switch must work without a network). */
export async function loadText() {
  const replies = await Promise.all(LANGUAGES.map((name) => fetch(`/text/${name}.json`)));
  const loaded = await Promise.all(replies.map((reply) => reply.json()));
  tables = Object.fromEntries(LANGUAGES.map((name, i) => [name, loaded[i]]));
  const wished = new URLSearchParams(location.search).get("lang") ?? stored();
  const natural = navigator.language.startsWith("zh") ? "zh" : "en";
  setLanguage(LANGUAGES.includes(wished) ? wished : natural);
}

/** Text of `key` with {name} placeholders filled; a missing key shows itself. */
export function t(key, values = {}) {
  const text = tables[current]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** True when the table has `key`. */
export function has(key) {
  return key in (tables[current] ?? {});
}

export function language() {
  return current;
}

export function setLanguage(name) {
  current = name;
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem("language", name);
  } catch {
    // Storage is blocked: the choice lasts until the page is closed.
  }
  translate(document);
  for (const listener of listeners) listener(name);
}

export function toggleLanguage() {
  setLanguage(current === "en" ? "zh" : "en");
}

/** Call `listener` after each change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
}

/** Fill [data-text], [data-label] (aria-label), [data-title] and [data-hint] (placeholder). */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of root.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
  }
  for (const node of root.querySelectorAll("[data-title]")) node.title = t(node.dataset.title);
  for (const node of root.querySelectorAll("[data-hint]")) {
    node.placeholder = t(node.dataset.hint);
  }
}
