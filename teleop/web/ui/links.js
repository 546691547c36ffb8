// How good each network link is, as the robot measured it; shown where there is more than one.

import { t } from "../text.js";
import { fixed, make, setData, setText, show } from "./dom.js";

const SILENT_MS = 1000; // As `link_silent_ms` of the limits: from then on the link counts as lost.

const percent = (permille) => (permille < 0 ? "–" : fixed(permille / 10));
const milliseconds = (us) => (us < 0 ? "–" : fixed(us / 1000));

export class LinkPanel {
  constructor(panel) {
    this.list = make("ul", { className: "links", hidden: true });
    panel.append(this.list);
    this.rows = [];
  }

  /** Links as the welcome names them. */
  names(links) {
    this.rows = links.map(({ name }, i) => ({ name, i, node: make("li", { dataset: { ok: "" } }) }));
    this.list.replaceChildren(...this.rows.map((row) => row.node));
    show(this.list, links.length > 1);
  }

  render(telemetry) {
    if (this.list.hidden) return;
    this.list.title = t("links.explain");
    for (const row of this.rows) {
      const state = telemetry?.linkStates[row.i];
      const ok = Boolean(state?.open) && state.silent_ms <= SILENT_MS;
      const name = row.name || t("links.unnamed", { n: row.i + 1 });
      setData(row.node, "ok", state ? ok : "");
      setText(row.node, `${ok ? "✓" : "✗"} ${name}: ${t(ok ? "links.here" : "links.lost")}${ok ? ` (${this.figures(state)})` : ""}`);
    }
  }

  figures(state) {
    return t("links.figures", {
      rtt: milliseconds(state.rtt_us),
      up: percent(state.loss_up_permille),
      down: percent(state.loss_down_permille),
      vary: milliseconds(Math.max(state.variation_up_us, state.variation_down_us)),
    });
  }
}
