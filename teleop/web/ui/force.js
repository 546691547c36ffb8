// The force bar: what is pressed, what is wanted, what is allowed now, and where it trips.

import { ContactState } from "../generated/schema.js";
import { nameOf } from "../net/telemetry.js";
import { t } from "../text.js";
import { $, fixed, make, setData, setStyle, setText } from "./dom.js";

const FULL_N = 30;
const TICKS_N = [0, 5, 10, 15, 20, 25, 30];

export class ForcePanel {
  constructor() {
    this.tripN = 25;
    this.legMs = 50;
    for (const tick of TICKS_N) {
      const label = make("span", { textContent: String(tick) });
      label.style.bottom = `${(100 * tick) / FULL_N}%`;
      $("force-scale").append(label);
    }
  }

  limits(limits) {
    this.tripN = limits.force_trip_n ?? this.tripN;
    this.legMs = limits.haptic_ms ?? this.legMs;
  }

  /** Force may be sounded and rumbled: the haptic leg is known and within its limit. */
  timely(telemetry) {
    return telemetry != null && telemetry.haptic_ms >= 0 && telemetry.haptic_ms <= this.legMs;
  }

  line(id, force) {
    const percent = Math.max(0, Math.min(100, (100 * force) / FULL_N));
    setStyle($(id), "bottom", `${percent.toFixed(1)}%`);
  }

  render(telemetry, wantedN) {
    const force = telemetry ? telemetry.force_n : NaN;
    setText($("force"), fixed(force));
    setData($("force"), "force", Number.isFinite(force) ? force.toFixed(2) : "");
    const bar = $("force-bar");
    const share = Number.isFinite(force) ? Math.max(0, Math.min(1, force / FULL_N)) : 0;
    $("force-fill").style.transform = `scaleY(${share.toFixed(3)})`;
    const cap = telemetry?.f_max_n ?? 0;
    const zone = force >= this.tripN ? "trip" : cap > 0 && force > cap ? "over" : "normal";
    setData(bar, "zone", zone);
    if (bar.ariaValueNow !== fixed(force)) bar.ariaValueNow = fixed(force);
    this.line("force-line-ref", telemetry?.force_ref_n ?? 0);
    this.line("force-line-max", cap);
    this.line("force-line-trip", this.tripN);
    setText($("force-ref-value"), t("force.newton", { n: fixed(wantedN) }));
    setText($("force-max"), t("force.newton", { n: telemetry ? fixed(cap, 0) : "–" }));
    setText($("force-trip"), t("force.newton", { n: fixed(this.tripN, 0) }));
    const contact = telemetry ? nameOf(ContactState, telemetry.contact_state) : "UNKNOWN";
    setText($("contact"), t(`contact.${contact}`));
    setData($("contact"), "contact", contact);
  }
}
