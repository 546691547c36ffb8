// The expert's needle panel: marks in the picture, proposal, driving by hold, what was measured.
// It only shows and asks: the robot decides what may move (safety/needle.py).

import { Instrument } from "../generated/schema.js";
import { t } from "../text.js";
import { $, fixed, make, setData, setText, show } from "../ui/dom.js";
import { drawNeedle } from "./draw.js";
import { toMetres } from "./geometry.js";

const V_M_S = 0.004;
const W_RAD_S = 0.04;
const RADIUS_M = { vessel: 0.006, bone: 0.006 };
const NUDGE = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const POP_MS = 600;
const OUT = ["ADVANCING", "REACHED", "ABORTED"];
const PICKS = ["target", "entry", "vessel", "bone", "tip"];
const GOOD_M = 0.0005;
const GOOD_RAD = 0.002;
const mm = (m) => t("needle.mm", { n: fixed(m * 1000, 1) });
const degrees = (rad) => t("needle.deg", { n: fixed((rad * 180) / Math.PI, 1) });

export class NeedlePanel {
  constructor(app) {
    this.app = app;
    this.on = false; // Needle mode: the hand drives the needle instead of the probe.
    this.held = { advance: 0, withdraw: 0, left: 0, right: 0 };
    this.v = 0;
    this.w = 0;
    this.pick = null;
    this.state = null;
    this.punctures = null;
    this.popUntil = 0;
    this.work = { guide: null, target: null, entry: null, avoid: [], tips: [], depth: 0, cursor: null };
    app.signalling.on("needle", (state) => this.follow(state));
    app.picture.layers.push((context, pixel) => {
      if (!$("needle-panel").hidden) drawNeedle(context, pixel, app.picture.state, this.work);
    });
    this.wire();
  }

  /** The newest state of the work, as the robot's side has it. */
  follow(state) {
    this.state = state;
    this.work.guide = state.guide;
    this.work.tips = state.tips;
    this.work.targetNow = OUT.includes(state.stage) ? state.target : null;
    this.work.arrival = state.arrival;
    this.app.picture.dirty = true;
    this.renderReport(state.report);
  }

  wire() {
    for (const name of PICKS) $(`needle-${name}`).addEventListener("click", () => this.choose(name));
    $("needle-mode").addEventListener("click", () => this.drive(!this.on));
    $("needle-clear-marks").addEventListener("click", () => this.clear());
    $("needle-propose").addEventListener("click", () => this.propose());
    $("needle-abort").addEventListener("click", () => this.app.signalling.event("NEEDLE_ABORT"));
    for (const name of Object.keys(this.held)) this.hold($(`needle-${name}`), name);
    const surface = $("picture");
    surface.addEventListener("pointerdown", (event) => {
      if (this.pick) this.place(this.app.picture.toPicture(event));
    });
    surface.addEventListener("keydown", (event) => this.byKeys(event));
  }

  /** A button that acts while it is held, by pointer or by Enter. */
  hold(button, name) {
    const set = (value) => {
      this.held[name] = value;
      setData(button, "held", value === 1);
    };
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      set(1);
    });
    for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur", "keyup"]) {
      button.addEventListener(type, () => set(0));
    }
    button.addEventListener("keydown", (event) => event.code === "Enter" && set(1));
    window.addEventListener("blur", () => set(0));
    document.addEventListener("visibilitychange", () => set(0));
  }

  drive(on) {
    this.on = on;
    this.app.deadman.release("mode");
    $("needle-mode").setAttribute("aria-pressed", String(on));
  }

  choose(name) {
    this.pick = this.pick === name ? null : name;
    this.work.cursor = this.pick ? { x: this.app.picture.width / 2, y: this.app.picture.height / 2 } : null;
    for (const other of PICKS) $(`needle-${other}`).setAttribute("aria-pressed", String(other === this.pick));
    if (this.pick) $("picture").focus();
    this.app.picture.dirty = true;
  }

  byKeys(event) {
    if (!this.pick || this.app.deadman.held) return;
    const step = NUDGE[event.code];
    if (event.code === "Enter") {
      this.place(this.work.cursor);
    } else if (step) {
      const size = event.shiftKey ? 10 : 1;
      this.work.cursor.x += step[0] * size;
      this.work.cursor.y += step[1] * size;
      event.preventDefault();
    }
    this.app.picture.dirty = true;
  }

  place(point) {
    const { pick, work } = this;
    const [x, z] = toMetres(this.app.picture.state, point);
    if (pick === "tip") this.app.signalling.send("needle_tip", { x_m: x, z_m: z });
    else if (pick === "target" || pick === "entry") work[pick] = [x, z];
    else work.avoid = [...work.avoid, { kind: pick, x_m: x, z_m: z, radius_m: RADIUS_M[pick] }].slice(-8);
    this.choose(pick);
  }

  clear() {
    Object.assign(this.work, { target: null, entry: null, avoid: [] });
    this.app.picture.dirty = true;
  }

  propose() {
    const { target, entry, avoid } = this.work;
    if (!target || !entry) return;
    this.app.signalling.send("needle_path", {
      target_x_m: target[0], target_z_m: target[1], entry_x_m: entry[0], entry_z_m: entry[1], avoid,
    });
  }

  /** What the sampler sends in needle mode; axes as from the keys (F in, R out, Q and E turn). */
  step(axes, moving) {
    const along = axes.linear[2] + this.held.advance - this.held.withdraw;
    const turn = axes.angular[1] + this.held.right - this.held.left;
    this.v = this.on && moving ? V_M_S * Math.max(-1, Math.min(1, along)) : 0;
    this.w = this.on && moving ? W_RAD_S * Math.max(-1, Math.min(1, turn)) : 0;
  }

  render(telemetry, now) {
    const mounted = telemetry?.instrument === Instrument.PROBE_NEEDLE;
    if (telemetry) show($("needle-panel"), mounted);
    if (!mounted) {
      if (this.on && telemetry) this.drive(false);
      return;
    }
    const { state } = this;
    const stage = state?.stage ?? "NO_NEEDLE";
    setData($("needle-stage"), "stage", stage);
    const refused = state?.refused ? t(`needle_refused.${state.refused}`) : "";
    setText($("needle-stage"), this.pick ? t("needle.pick") : refused || t(`needle_stage.${stage}`));
    this.renderFacts(telemetry, state);
    this.renderPop(telemetry, now);
    if (telemetry.needle_depth_m !== this.work.depth) {
      this.work.depth = telemetry.needle_depth_m;
      this.app.picture.dirty = true;
    }
  }

  renderFacts(telemetry, state) {
    const left = telemetry.needle_goal_m > 0 ? telemetry.needle_goal_m - telemetry.needle_depth_m : NaN;
    const margin = (value) => (value >= 0 ? mm(value) : t("needle.unmarked"));
    const words = {
      depth: mm(telemetry.needle_depth_m),
      "to-go": mm(left),
      force: t("needle.n", { n: fixed(telemetry.needle_force_n, 2) }),
      offset: state?.path ? mm(state.offset_m) : "–",
      "margin-vessel": margin(state?.margin_vessel_m ?? -1),
      "margin-bone": margin(state?.margin_bone_m ?? -1),
      turned: degrees(telemetry.needle_pivot_rad),
      gate: t(telemetry.needle_gate > 0.05 ? "needle.gate_open" : "needle.gate_shut"),
      "aim-off": this.aid(state, state?.aim_off_m, GOOD_M, mm),
      "aim-turn": this.aid(state, state?.aim_turn_rad, GOOD_RAD, degrees),
    };
    for (const [id, text] of Object.entries(words)) setText($(`needle-v-${id}`), text);
    setData($("needle-panel"), "advance", telemetry.needle_advance);
  }

  /** One line of the aiming aid: a size and its side, once the tip was marked. */
  aid(state, value, good, words) {
    if (!state?.arrival) return t("needle.aim_none");
    if (Math.abs(value) < good) return t("needle.aim_good");
    return t(value > 0 ? "needle.aim_right" : "needle.aim_left", { n: words(Math.abs(value)) });
  }

  /** A puncture is felt, heard and shown; counted, so that no lost message hides one. */
  renderPop(telemetry, now) {
    if (this.punctures !== null && telemetry.punctures > this.punctures) {
      this.popUntil = now + POP_MS;
      setText($("needle-pop"), t("needle.pop", { n: telemetry.punctures }));
      this.app.gamepad.rumble(1, now + POP_MS); // Nothing weaker for a while: the pop stands out.
      const { context } = this.app.sound;
      if (this.app.sound.running) this.app.sound.pulse(160, context.currentTime, 0.12);
    }
    this.punctures = telemetry.punctures;
    setData($("needle-pop"), "pop", now < this.popUntil);
  }

  renderReport(report) {
    show($("needle-report"), report !== null);
    if (!report) return;
    const rows = [
      ["needle.report_outcome", t(`needle_outcome.${report.outcome}`)],
      ["needle.report_error", mm(report.error_m) + (report.seen ? "" : ` (${t("needle.report_axis")})`)],
      ["needle.depth", mm(report.depth_m)],
      ["needle.report_peak", t("needle.n", { n: fixed(report.peak_force_n, 2) })],
      ["needle.punctures", String(report.punctures)],
      ["needle.report_attempts", String(report.attempts)],
      ["needle.report_time", `${fixed(report.seconds, 0)} s`],
    ];
    const cells = rows.flatMap(([key, text]) => [
      make("dt", { textContent: t(key) }), make("dd", { textContent: text, className: "number" }),
    ]);
    $("needle-report-list").replaceChildren(...cells);
  }
}
