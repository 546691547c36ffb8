// The last events in words: changes of state, causes, instrument and people.

import { Instrument } from "../generated/schema.js";
import { nameOf } from "../net/telemetry.js";
import { language, t } from "../text.js";
import { $, make } from "../ui/dom.js";

const KEPT = 12;

export class EventList {
  constructor() {
    this.entries = [];
    this.last = null;
  }

  add(key, values = () => ({})) {
    this.entries.unshift({ at: new Date(), key, values });
    this.entries.length = Math.min(this.entries.length, KEPT);
    this.render();
  }

  /** Compare with the last telemetry and note what changed. */
  follow(telemetry) {
    const last = this.last;
    this.last = telemetry;
    if (last && last.state === telemetry.state && last.first_out === telemetry.first_out) {
      if (last.instrument !== telemetry.instrument) this.instrument(telemetry);
      return;
    }
    const { stateName, causeName } = telemetry;
    const state = () => ({ state: t(`state.${stateName}`), cause: t(`cause.${causeName}`) });
    this.add(causeName === "NONE" ? "event.state" : "event.state_cause", state);
  }

  instrument(telemetry) {
    const name = nameOf(Instrument, telemetry.instrument);
    this.add("event.instrument", () => ({ instrument: t(`instrument.${name}`) }));
  }

  render() {
    const items = this.entries.map(({ at, key, values }) =>
      make(
        "li",
        {},
        make("time", { textContent: at.toLocaleTimeString(language()), dateTime: at.toISOString() }),
        make("span", { textContent: t(key, values()) }),
      ),
    );
    $("events").replaceChildren(...items);
  }
}
