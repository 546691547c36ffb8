// The deadman: held by Space, a gamepad trigger, or the button on screen. Counts presses.
// Whatever looks wrong releases it, and after a forced release it must be let go first.

import { keyboardSource } from "./keys.js";

/** Level and edge counter; `onChange(held, reason)` after each change. */
export class Deadman {
  constructor() {
    this.sources = new Map(); // name -> held
    this.tired = new Set(); // sources that must be seen released before they count again
    this.held = false;
    // A random start: a reloaded page is never mistaken for one that kept holding.
    this.edges = crypto.getRandomValues(new Uint16Array(1))[0];
    this.blocks = new Set(); // reasons why it cannot be held now
    this.onChange = () => {};
    this.lastRelease = "";
  }

  /** A source changed: "space", "button" or "gamepad". */
  set(source, held) {
    if (!held) this.tired.delete(source);
    this.sources.set(source, held && !this.tired.has(source));
    this.update(held ? "" : "released");
  }

  /** Let go now; every source that is still held must be released before it counts again. */
  release(reason) {
    for (const [source, held] of this.sources) {
      if (held) this.tired.add(source);
      this.sources.set(source, false);
    }
    this.update(reason);
  }

  /** While blocked (frozen picture, stale picture, no path) it is released and cannot be held. */
  block(reason, blocked) {
    const was = this.blocks.has(reason);
    if (blocked === was) return;
    if (blocked) {
      this.blocks.add(reason);
      this.release(reason);
    } else {
      this.blocks.delete(reason);
    }
  }

  update(reason) {
    const any = [...this.sources.values()].some(Boolean);
    if (any && this.blocks.size > 0) {
      this.release([...this.blocks][0]);
      return;
    }
    if (any === this.held) return;
    this.held = any;
    if (any) this.edges = (this.edges + 1) % 65536;
    else this.lastRelease = reason;
    this.onChange(any, reason);
  }
}

/** Wire the keyboard and everything about the page that must release the deadman. */
export function watchPage(deadman) {
  keyboardSource(deadman);
  const release = (reason) => () => deadman.release(reason);
  window.addEventListener("blur", release("blur"));
  window.addEventListener("pagehide", release("pagehide"));
  document.addEventListener("freeze", release("pagehide"));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") deadman.release("hidden");
  });
  document.addEventListener("fullscreenchange", release("screen"));
  window.addEventListener("compositionstart", release("typing"), true);
  window.addEventListener("focusin", (event) => {
    if (event.target.matches?.("input:not([type=range]), textarea")) deadman.release("typing");
  });
}

/** The on-screen button: touch or mouse, held. */
export function holdButton(deadman, button) {
  const up = () => deadman.set("button", false);
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    button.setPointerCapture(event.pointerId);
    deadman.set("button", true);
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
    button.addEventListener(type, up);
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}
