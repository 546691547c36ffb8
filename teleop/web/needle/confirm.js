// The bedside's answer to a needle path: exactly the depth that is shown is confirmed.

import { Instrument, NeedlePlan } from "../generated/schema.js";
import { t } from "../text.js";
import { $, fixed, setData, setText, show } from "../ui/dom.js";

const UNIT_M = 1e-5; // Of the depth in events (safety/needle.py).

export class NeedleConfirm {
  constructor(signalling) {
    this.state = null;
    this.goal = 0;
    signalling.on("needle", (state) => {
      this.state = state;
    });
    $("needle-confirm").addEventListener("click", () => {
      signalling.event("NEEDLE_CONFIRM", Math.round(this.goal / UNIT_M));
    });
    $("needle-deny").addEventListener("click", () => signalling.event("NEEDLE_ABORT"));
  }

  render(telemetry) {
    const plan = telemetry?.needle_plan ?? NeedlePlan.NONE;
    const mounted = telemetry?.instrument === Instrument.PROBE_NEEDLE;
    show($("needle-bedside"), mounted && plan !== NeedlePlan.NONE);
    if (!telemetry) return;
    this.goal = telemetry.needle_goal_m;
    setData($("needle-bedside"), "plan", plan);
    const margin = (m) => (m >= 0 ? t("needle.mm", { n: fixed(m * 1000, 1) }) : t("needle.unmarked"));
    const proposed = plan === NeedlePlan.PROPOSED;
    setText(
      $("needle-words"),
      t(proposed ? "needle.proposed_depth" : "needle.confirmed_depth", {
        depth: fixed(this.goal * 1000, 1),
        vessel: margin(this.state?.margin_vessel_m ?? -1),
        bone: margin(this.state?.margin_bone_m ?? -1),
      }),
    );
    show($("needle-confirm"), proposed);
    setText($("needle-deny"), t(proposed ? "needle.deny" : "needle.end"));
  }
}
