// Small helpers for the page's elements; writes only what changed.

/** Element by id; a missing one is our own mistake and says so. */
export function $(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`element #${id} is missing`);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setData(node, name, value) {
  const text = String(value);
  if (node.dataset[name] !== text) node.dataset[name] = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Set one style property through the CSSOM (the security policy forbids style attributes). */
export function setStyle(node, name, value) {
  if (node.style[name] !== value) node.style[name] = value;
}

/** New element with properties; `dataset` is merged. */
export function make(tag, { dataset = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.dataset, dataset);
  node.append(...children);
  return node;
}

/** Number with fixed decimals, "–" for what is unknown. */
export function fixed(value, decimals = 1) {
  return Number.isFinite(value) ? value.toFixed(decimals) : "–";
}

/** Make a canvas' pixels match its size on screen; true when it changed (and was cleared). */
export function fitCanvas(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}
