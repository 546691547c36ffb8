// The bedside's stop: acts on press, tells guard how long it is held, never forgets a press that
// could not be sent.

import { translate } from "../text.js";
import { $, setData } from "../ui/dom.js";

const LATE_MS = 10_000; // A stop that could not be sent is still sent when the path returns so soon.

export class StopButton {
  constructor(signalling, now = () => performance.now()) {
    this.signalling = signalling;
    this.now = now;
    this.holders = new Set(); // "pointer", "key"
    this.emergencyMs = 2000; // As guard's limit `estop_hold_s`.
    this.timer = 0;
    this.unsentAt = -Infinity;
    signalling.on("welcome", ({ limits }) => {
      this.emergencyMs = 1000 * (limits.estop_hold_s ?? 2);
      this.resend();
    });
    signalling.on("refused", ({ reason, detail }) => {
      if (reason === "guard_unreachable" && detail === "STOP") this.unsentAt = this.now();
    });
    this.wire($("stop"));
  }

  get held() {
    return this.holders.size > 0;
  }

  press(holder) {
    const first = !this.held;
    this.holders.add(holder);
    setData($("stop"), "held", true);
    if (first) this.timer = setTimeout(() => this.emergency(true), this.emergencyMs);
    if (!first || this.signalling.event("STOP", 1)) return;
    if (this.signalling.welcome) this.unsentAt = this.now(); // Before joining there is no stop.
  }

  release(holder) {
    if (!this.holders.delete(holder) || this.held) return;
    setData($("stop"), "held", false);
    clearTimeout(this.timer);
    this.emergency(false);
    this.signalling.event("STOP", 0);
  }

  /** Held for so long: guard makes it an emergency stop, and the button says so. */
  emergency(on) {
    setData($("stop"), "emergency", on);
    $("stop-word").dataset.text = on ? "stop.emergency" : "stop.bedside";
    translate($("stop"));
  }

  /** True while a press waits for the connection. */
  get unsent() {
    return this.now() - this.unsentAt < LATE_MS;
  }

  resend() {
    if (!this.unsent) return;
    this.unsentAt = -Infinity;
    this.signalling.event("STOP", 1);
    if (!this.held) this.signalling.event("STOP", 0);
  }

  wire(button) {
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      this.press("pointer");
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      button.addEventListener(type, () => this.release("pointer"));
    }
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    const isStop = (event) =>
      event.code === "Escape" || (event.target === button && ["Enter", "Space"].includes(event.code));
    window.addEventListener("keydown", (event) => {
      if (!isStop(event)) return;
      event.preventDefault();
      if (!event.repeat) this.press("key");
    }, true);
    window.addEventListener("keyup", (event) => isStop(event) && this.release("key"), true);
    window.addEventListener("blur", () => this.release("key"));
  }
}
