// The four latency legs with their 50 ms line. The robot's clock decides; the page only shows.

import { t, translate } from "../text.js";
import { fixed, make, setData, setText } from "./dom.js";

const LINE_MS = 50;
const WINDOW_MS = 10_000;
const REFRESH_MS = 500;
const LEGS = [
  { id: "loop", now: "loop_ms", robot: ["loop_p50_ms", "loop_p95_ms", "loop_p99_ms"] },
  { id: "command", now: "age_ms", robot: ["age_p50_ms", "age_p95_ms", "age_p99_ms"] },
  { id: "haptic", now: "haptic_ms" },
  { id: "image", now: "image_ms" },
];

/** Percentiles over the last 10 s. */
export class Percentiles {
  constructor() {
    this.samples = [];
  }

  add(value, now) {
    if (Number.isFinite(value) && value >= 0) this.samples.push({ value, now });
  }

  get(now) {
    while (this.samples.length > 0 && now - this.samples[0].now > WINDOW_MS) this.samples.shift();
    const sorted = this.samples.map((sample) => sample.value).sort((a, b) => a - b);
    if (sorted.length === 0) return [-1, -1, -1];
    return [0.5, 0.95, 0.99].map((q) => sorted[Math.ceil(q * sorted.length) - 1]);
  }
}

function ms(value, decimals = 1) {
  return value >= 0 ? fixed(value, value < 100 ? decimals : 0) : "–";
}

export class LatencyPanel {
  constructor(root) {
    const head = make("small", { className: "dim", dataset: { text: "latency.head" } });
    root.append(make("div", { className: "leg" }, make("span"), make("span"), make("span"), head));
    this.rows = LEGS.map((leg) => this.row(root, leg));
    this.refreshed = -Infinity;
    translate(root);
  }

  row(root, leg) {
    const name = make("span", { dataset: { text: `latency.${leg.id}`, title: `latency.${leg.id}_is` } });
    const bar = make("i");
    const track = make("span", { className: "track" }, bar, make("b"));
    const value = make("output", { className: "number", id: `latency-${leg.id}` });
    const spread = make("small", { className: "number" });
    const node = make("div", { className: "leg" }, name, track, value, spread);
    root.append(node);
    return { ...leg, node, bar, value, spread, window: leg.robot ? null : new Percentiles() };
  }

  /** Every telemetry message counts for the percentiles that the robot does not send. */
  add(telemetry, now) {
    for (const row of this.rows) row.window?.add(telemetry[row.now], now);
  }

  render(telemetry, now) {
    const refresh = now - this.refreshed > REFRESH_MS;
    if (refresh) this.refreshed = now;
    for (const row of this.rows) {
      const value = telemetry ? telemetry[row.now] : -1;
      row.bar.style.transform = `scaleX(${Math.max(0, Math.min(1, value / (2 * LINE_MS))).toFixed(3)})`;
      setData(row.node, "over", value > LINE_MS);
      if (!refresh) continue;
      setText(row.value, t("latency.ms", { ms: ms(value) }));
      const [p50, p95, p99] = row.robot ? row.robot.map((k) => telemetry?.[k] ?? -1) : row.window.get(now);
      setText(row.spread, t("latency.spread", { p50: ms(p50, 0), p95: ms(p95, 0), p99: ms(p99, 0) }));
    }
  }
}
