// Dragging on the picture moves the probe: right = picture right, up = away from the expert.

/**
 * `metresPerPixel()` gives the scale of one CSS pixel of the picture. `allowed()` false: the
 * picture is used for something else (callipers).
 */
export function dragOnPicture(element, hand, metresPerPixel, allowed) {
  let last = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !allowed()) return;
    element.setPointerCapture(event.pointerId);
    last = { id: event.pointerId, x: event.clientX, y: event.clientY };
  });
  element.addEventListener("pointermove", (event) => {
    if (last?.id !== event.pointerId) return;
    const scale = metresPerPixel();
    hand.dragged((event.clientX - last.x) * scale, (event.clientY - last.y) * scale);
    last = { id: event.pointerId, x: event.clientX, y: event.clientY };
  });
  const end = (event) => {
    if (last?.id === event.pointerId) last = null;
  };
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    element.addEventListener(type, end);
  }
}

/** Mouse wheel on `element`: `change(steps)` with +1 for "more force". */
export function wheel(element, change) {
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (event.deltaY !== 0) change(-Math.sign(event.deltaY));
    },
    { passive: false },
  );
}
