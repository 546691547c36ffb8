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

// Asking an element for its size makes the browser lay out the page there and then, many times a
// second; an observer is told the size when it changes.
const sizes = new WeakMap();
const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    sizes.set(target, { width: contentRect.width, height: contentRect.height });
  }
});

function sizeOf(canvas) {
  if (!sizes.has(canvas)) {
    sizes.set(canvas, { width: canvas.clientWidth, height: canvas.clientHeight });
    observer.observe(canvas);
  }
  return sizes.get(canvas);
}

/** Make a canvas' pixels match its size on screen; true when it changed (and was cleared). */
export function fitCanvas(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const size = sizeOf(canvas);
  const width = Math.round(size.width * ratio);
  const height = Math.round(size.height * ratio);
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}
