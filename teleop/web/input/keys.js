// The keyboard, by `event.code` (the place of a key), so that layouts and input methods do not
// matter. Releases are seen in the capture phase: no focused field or composition swallows them.

const TEXT_FIELD = "input:not([type=range]):not([type=checkbox]), textarea, [contenteditable]";
const OWN_ARROWS = "input, select, textarea";
const REPEAT_GAP_MS = 400; // Auto-repeat comes every 30 to 50 ms once it has begun.

function typing(event) {
  return Boolean(event.target?.matches?.(TEXT_FIELD));
}

/** Space as deadman. */
export function keyboardSource(deadman, now = () => performance.now()) {
  const repeats = { count: 0, last: 0, other: false };
  window.addEventListener(
    "keydown",
    (event) => {
      if (event.code !== "Space") {
        repeats.other = true; // The keyboard now repeats that key instead of Space.
        return;
      }
      if (typing(event)) return;
      event.preventDefault();
      if (event.repeat) {
        repeats.count += 1;
        repeats.last = now();
        return;
      }
      Object.assign(repeats, { count: 0, last: now(), other: false });
      deadman.set("space", true);
    },
    true,
  );
  window.addEventListener(
    "keyup",
    (event) => {
      if (event.code !== "Space") return;
      if (!typing(event)) event.preventDefault();
      deadman.set("space", false);
    },
    true,
  );
  // A release that never arrived shows by repeats that stopped although no other key was hit.
  setInterval(() => {
    const silent = now() - repeats.last > REPEAT_GAP_MS;
    if (repeats.count >= 3 && silent && !repeats.other && deadman.sources.get("space")) {
      deadman.release("lost_key");
    }
  }, 50);
}

/** Which motion keys are down. `axes()` gives -1, 0 or 1 per axis. */
export class MotionKeys {
  constructor() {
    this.down = new Set();
    window.addEventListener("keydown", (event) => this.pressed(event), true);
    window.addEventListener("keyup", (event) => this.down.delete(event.code), true);
    window.addEventListener("blur", () => this.down.clear());
    document.addEventListener("visibilitychange", () => this.down.clear());
  }

  pressed(event) {
    if (typing(event) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!MOTION.has(event.code)) return;
    if (event.code.startsWith("Arrow") && event.target?.matches?.(OWN_ARROWS)) return;
    if (event.code.startsWith("Arrow")) event.preventDefault();
    this.down.add(event.code);
  }

  pair(minus, plus) {
    const has = (codes) => codes.some((code) => this.down.has(code));
    return (has(plus) ? 1 : 0) - (has(minus) ? 1 : 0);
  }

  /** Linear (x right, y towards the expert, z into the patient) and rotation about x, y, z. */
  axes() {
    const shift = this.down.has("ShiftLeft") || this.down.has("ShiftRight");
    const x = this.pair(["KeyA", "ArrowLeft"], ["KeyD", "ArrowRight"]);
    const y = this.pair(["KeyW", "ArrowUp"], ["KeyS", "ArrowDown"]);
    const z = this.pair(["KeyR"], ["KeyF"]);
    const turn = this.pair(["KeyQ"], ["KeyE"]);
    if (shift) return { linear: [0, 0, 0], angular: [y, x, turn] };
    return { linear: [x, y, z], angular: [0, turn, 0] };
  }
}

const MOTION = new Set(
  "KeyW KeyA KeyS KeyD KeyQ KeyE KeyR KeyF ShiftLeft ShiftRight".split(" ").concat(
    ["Up", "Down", "Left", "Right"].map((name) => `Arrow${name}`),
  ),
);

/**
 * Single-key shortcuts: `table` maps a code to an action. `enabled()` false turns letters off
 * (WCAG 2.1.4); Escape always works.
 */
export function shortcuts(table, enabled = () => true) {
  window.addEventListener(
    "keydown",
    (event) => {
      const action = table[event.code];
      if (!action || event.repeat) return;
      if (event.code !== "Escape") {
        if (typing(event) || event.ctrlKey || event.altKey || event.metaKey || !enabled()) return;
      }
      event.preventDefault();
      action(event);
    },
    true,
  );
}
