// The window of a native console with a haptic handle (teleop/console/window.py). It draws each
// picture and says so: only what was drawn counts as seen. It sends no commands; the handle does.

import { Cause, State, Step } from "./generated/schema.js";
import { loadText, onLanguage, t, toggleLanguage } from "./text.js";
import { $, fixed, setData, setText, show } from "./ui/dom.js";

const STALE_MS = 150;
const QUIET_MS = 500;

const nameOf = (table, value) => Object.keys(table).find((key) => table[key] === value) ?? "UNKNOWN";

class HandleWindow {
  constructor() {
    this.context = $("screen").getContext("2d");
    this.status = null;
    this.heardAt = -Infinity;
    this.drawnAt = -Infinity;
    this.pending = null;
    this.socket = new WebSocket(`${location.href.replace(/^http/, "ws").split(/[?#]/)[0]}ws`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.heard(event.data);
  }

  heard(data) {
    this.heardAt = performance.now();
    if (typeof data === "string") {
      this.status = JSON.parse(data);
      this.render();
    } else {
      this.decode(data);
    }
  }

  async decode(buffer) {
    const id = new DataView(buffer).getUint32(0, true);
    const picture = await createImageBitmap(new Blob([buffer.slice(4)], { type: "image/jpeg" }));
    this.pending?.picture.close();
    this.pending = { id, picture };
  }

  /** Once per display frame: draw the newest picture, then say that it was drawn. */
  draw() {
    if (this.pending) {
      const { id, picture } = this.pending;
      this.pending = null;
      const { canvas } = this.context;
      if (canvas.width !== picture.width || canvas.height !== picture.height) {
        canvas.width = picture.width;
        canvas.height = picture.height;
      }
      this.context.drawImage(picture, 0, 0);
      picture.close();
      this.drawnAt = performance.now();
      this.say({ seen: id });
    }
    const old = performance.now() - this.drawnAt > STALE_MS;
    setData($("picture"), "live", old ? "stale" : "live");
    const quiet = performance.now() - this.heardAt > QUIET_MS;
    setData($("link"), "ok", !quiet);
    setText($("link"), t(quiet ? "link.lost" : "link.ok"));
    requestAnimationFrame(() => this.draw());
  }

  say(message) {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  render() {
    const s = this.status;
    if (!s) return;
    const state = nameOf(State, s.state);
    setData($("state"), "state", state);
    setText($("state"), t(`state.${state}`));
    setData($("cause"), "cause", nameOf(Cause, s.first_out));
    setText($("cause"), s.first_out ? t(`cause.${nameOf(Cause, s.first_out)}`) : "");
    setData($("step"), "step", nameOf(Step, s.step));
    setText($("step"), t(`step.${nameOf(Step, s.step)}`));
    setText($("force"), fixed(s.force_n));
    setText($("felt"), t("force.newton", { n: fixed(s.felt_n) }));
    setData($("coupling"), "coupling", s.coupling);
    setText($("coupling"), t(`handle.coupling.${s.coupling}`));
    setText($("rtt"), `${fixed(s.rtt_ms, 0)} ms`);
    setText($("loop"), `${fixed(s.loop_ms, 0)} ms`);
    setText($("haptic"), `${fixed(s.haptic_ms, 0)} ms`);
    setData($("grip"), "block", s.block);
    setText($("grip"), t(`handle.block.${s.block}`));
    show($("mark"), Boolean(s.mark_shown));
    show($("acknowledge"), s.step === Step.ACKNOWLEDGE);
  }

  wire() {
    $("language").addEventListener("click", toggleLanguage);
    $("mark").addEventListener("submit", (event) => {
      event.preventDefault();
      const value = $("mark-input").value.trim();
      if (!/^\d{1,4}$/.test(value)) return;
      if (this.say({ event: "MARK_ANSWER", arg: Number(value) })) $("mark-input").value = "";
    });
    $("acknowledge").addEventListener("click", () => this.say({ event: "ACKNOWLEDGE" }));
    onLanguage(() => this.render());
  }
}

await loadText();
const page = new HandleWindow();
page.wire();
page.draw();
globalThis.handleWindow = page; // For tests and the developer tools.
