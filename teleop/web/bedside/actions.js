// What the person at the bedside can tell the robot.

import { Instrument } from "../generated/schema.js";
import { nameOf } from "../net/telemetry.js";
import { t } from "../text.js";
import { $, setData, setText, show } from "../ui/dom.js";

const LIFT_REPEAT_MS = 100; // Hold-to-run: guard stops the lift when repeats stay away.
const DECLARE = {
  "declare-none": Instrument.NONE,
  "declare-probe": Instrument.PROBE,
  "declare-needle": Instrument.PROBE_NEEDLE,
};

/** Hold-to-run button: repeats while it is held, by finger or by Enter/Space. */
function holdToRun(button, send) {
  let timer = 0;
  const start = () => {
    if (timer) return;
    setData(button, "held", true);
    send(1);
    timer = setInterval(() => send(1), LIFT_REPEAT_MS);
  };
  const end = () => {
    if (!timer) return;
    clearInterval(timer);
    timer = 0;
    setData(button, "held", false);
    send(0);
  };
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    start();
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(type, end);
  }
  button.addEventListener("keydown", (event) => {
    if (!["Enter", "Space"].includes(event.code)) return;
    event.preventDefault();
    if (!event.repeat) start();
  });
  button.addEventListener("keyup", end);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  window.addEventListener("blur", end);
  document.addEventListener("visibilitychange", end);
}

export function wireActions(signalling, telemetry) {
  const tell = (id, name, arg = 0) => $(id).addEventListener("click", () => signalling.event(name, arg));
  tell("allow", "ALLOW_MOTION");
  tell("revoke", "REVOKE_MOTION");
  tell("discomfort", "DISCOMFORT");
  tell("needle-clear", "NEEDLE_CLEAR");
  tell("handover", "HANDOVER_CONFIRM");
  for (const [id, instrument] of Object.entries(DECLARE)) tell(id, "DECLARE_INSTRUMENT", instrument);
  holdToRun($("lift"), (arg) => signalling.event("LIFT", arg));
  $("local").addEventListener("click", () => {
    signalling.event(telemetry()?.stateName === "LOCAL" ? "LOCAL_EXIT" : "LOCAL_ENTER");
  });
}

/** Show on the buttons what guard has accepted. */
export function renderActions(telemetry, peers) {
  const local = telemetry?.stateName === "LOCAL";
  $("local").setAttribute("aria-pressed", String(local));
  setText($("local"), t(local ? "bedside.local_exit" : "bedside.local_enter"));
  for (const [id, instrument] of Object.entries(DECLARE)) {
    $(id).setAttribute("aria-pressed", String(telemetry?.instrument === instrument));
  }
  const contact = telemetry?.contact;
  show($("needle-clear"), telemetry?.instrument === Instrument.PROBE_NEEDLE && contact !== undefined);
  show($("handover"), peers.lease_wanted_by !== 0);
  setText($("permission"), permission(telemetry));
  setData($("permission"), "instrument", telemetry ? nameOf(Instrument, telemetry.instrument) : "");
  const tested = telemetry?.stop_tested ? "bedside.stop_tested" : "bedside.stop_untested";
  setText($("stop-tested"), telemetry ? t(tested) : "");
}

function permission(telemetry) {
  if (!telemetry) return t("bedside.unknown");
  if (!telemetry.consent) return t("bedside.not_allowed");
  const left = Math.ceil(telemetry.consent_left_s);
  return left > 0 && left < 3600 ? t("bedside.allowed_for", { s: left }) : t("bedside.allowed");
}
