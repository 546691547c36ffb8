// State, first-out cause, clamps and the next step, in words. Without a path to the robot the
// state is unknown and is shown as that, never the last one.

import { Alarm, Cause, Clamp, Step } from "../generated/schema.js";
import { nameOf } from "../net/telemetry.js";
import { t } from "../text.js";
import { $, setData, setText, show } from "./dom.js";

const CLAMP_SHOWN_MS = 1500; // A clamp of one cycle must still be readable.
const MARKS = { NONE: "", LOW: "!", MEDIUM: "!!", HIGH: "!!!" };
const ACKNOWLEDGED = new Set(["SAFE_STOP", "ESTOP", "FAULT"]);

/** Alarm to show: guard's, or the page's own when its path is lost. */
export function alarmName(telemetry, lost) {
  if (lost) return "HIGH";
  return telemetry ? nameOf(Alarm, telemetry.alarm) : "NONE";
}

export class StatePanel {
  constructor() {
    this.clampSeen = new Map();
    this.qualifyAgeMs = Infinity; // Until the robot's limits are known, as the next.
    this.loopMs = Infinity;
    this.qualifyS = 0;
  }

  /** The robot's limits, as it welcomes a page with them. */
  limits(limits) {
    this.qualifyAgeMs = limits.qualify_age_ms ?? this.qualifyAgeMs;
    this.loopMs = limits.loop_ms ?? this.loopMs;
    this.qualifyS = limits.qualify_s ?? this.qualifyS;
  }

  /** `live`: telemetry that is true now, or null; `lost`: there was a path and it is gone. */
  render(live, lost, now) {
    const state = live ? live.stateName : "LOST";
    const cause = live ? live.causeName : lost ? "PATH_LOST" : "NONE";
    setText($("state"), t(`state.${state}`));
    setData($("state"), "state", state);
    setText($("cause"), cause === "NONE" ? "" : t(`cause.${cause}`));
    setData($("cause"), "cause", cause);
    const alarm = alarmName(live, lost);
    setData($("status"), "alarm", alarm);
    setText($("alarm-mark"), MARKS[alarm] ?? "");
    setText($("state-time"), live ? t("state.time", { s: Math.floor(live.state_ms / 1000) }) : "");
    this.renderStep(live);
    this.renderClamps(live ? live.clamps : 0, now);
  }

  renderStep(telemetry) {
    const step = telemetry ? nameOf(Step, telemetry.step) : "NONE";
    let text = step === "NONE" ? "" : t(`step.${step}`);
    if (step === "WAIT_FOR_LINK") text = this.waiting(telemetry);
    setText($("step"), text);
    setData($("step"), "step", step);
  }

  /** What a link still lacks: time, or it is too slow to ever pass as it is. */
  waiting(telemetry) {
    const percent = Math.round(100 * telemetry.qualified);
    const { age_p99_ms: age, loop_p99_ms: loop } = telemetry;
    const s = this.qualifyS;
    if (age > this.qualifyAgeMs) {
      return t("step.link_slow", { age: Math.ceil(age), limit: this.qualifyAgeMs, s });
    }
    if (loop > this.loopMs) {
      return t("step.loop_slow", { loop: Math.ceil(loop), limit: this.loopMs, s });
    }
    return t("step.link_progress", { percent });
  }

  renderClamps(mask, now) {
    for (const [name, bit] of Object.entries(Clamp)) {
      if (bit !== 0 && (mask & bit) !== 0) this.clampSeen.set(name, now);
    }
    const words = [];
    for (const [name, seen] of this.clampSeen) {
      if (now - seen > CLAMP_SHOWN_MS) this.clampSeen.delete(name);
      else words.push(t(`clamp.${name}`));
    }
    setText($("clamps"), words.join("  "));
    setData($("clamps"), "clamps", [...this.clampSeen.keys()].join(" "));
  }
}

/** True when the console must acknowledge the first-out cause. */
export function needsAcknowledge(telemetry) {
  return Boolean(telemetry) && ACKNOWLEDGED.has(telemetry.stateName) && !telemetry.acknowledged;
}

/** True when the gateway reports a guard that no longer answers (teleop/gateway/view.py). */
export function guardSilent(telemetry) {
  if (!telemetry) return false;
  const overrun = Math.floor(telemetry.live_causes / 2 ** Cause.GUARD_OVERRUN) % 2 === 1;
  return overrun && !telemetry.powered && !telemetry.braked;
}

/** The page's own full-width message about its path, `key` null for none. */
export function pathAlarm(key) {
  const node = $("path-alarm");
  show(node, key !== null);
  setData(node, "path", key === null ? "ok" : "lost");
  setText(node, key === null ? "" : t(key));
}
