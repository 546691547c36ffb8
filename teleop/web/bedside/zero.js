// The force zero: asks, waits for the answer of the arm, and says in words what became of it.

import { t } from "../text.js";
import { $, setData, setText } from "../ui/dom.js";

const PATIENCE_MS = 3000; // The arm averages 0.5 s; what guard refuses has no answer at all.
const SHOWN_MS = 20_000;
const WORDS = {
  waiting: "bedside.zero_waiting",
  done: "bedside.zero_done",
  refused: "bedside.zero_refused",
  not_taken: "bedside.zero_not_taken",
  wrong_state: "bedside.zero_wrong_state",
};
const UNDRIVEN = new Set(["IDLE", "LOCAL"]);

export class ForceZero {
  constructor(signalling, now = () => performance.now()) {
    this.now = now;
    this.telemetry = null;
    this.outcome = ""; // A key of WORDS, or nothing to say.
    this.serial = 0;
    this.since = 0;
    $("force-zero").addEventListener("click", () => this.ask(signalling));
  }

  ask(signalling) {
    if (this.outcome === "waiting") return;
    const { telemetry } = this;
    const wrong = telemetry && !UNDRIVEN.has(telemetry.stateName);
    this.serial = telemetry?.zero_serial ?? 0;
    const sent = !wrong && signalling.event("FORCE_ZERO", 0);
    this.become(wrong ? "wrong_state" : sent ? "waiting" : "not_taken");
  }

  become(outcome) {
    this.outcome = outcome;
    this.since = this.now();
    this.show();
  }

  /** `telemetry`: null while the path is lost. */
  render(telemetry) {
    this.telemetry = telemetry;
    const waited = this.now() - this.since;
    if (this.outcome === "waiting") {
      if (telemetry && telemetry.zero_serial !== this.serial) this.become(telemetry.zero_ok ? "done" : "refused");
      else if (waited > PATIENCE_MS) this.become("not_taken");
    } else if (this.outcome && waited > SHOWN_MS) {
      this.become("");
    }
    this.show();
  }

  show() {
    setText($("force-zero-words"), this.outcome ? t(WORDS[this.outcome]) : "");
    setData($("force-zero-words"), "outcome", this.outcome);
  }
}
