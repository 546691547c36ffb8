// What the console reports about one link, 20 times a second (`LINK_REPORT` in transport/schema.py).

import { LINK_REPORT_BYTES, LINK_REPORT_MAGIC } from "../generated/schema.js";

const PERIOD_MS = 1000;
const FAR = 1024; // A jump beyond it is a sender that started anew.

/** Counts the heartbeats of one link and how much their delay varies (no common clock needed). */
export class LinkCounter {
  constructor() {
    this.number = 0;
    this.beat = null;
    this.heardAt = 0;
    this.expected = 0;
    this.received = 0;
    this.least = []; // smallest difference of the clocks, this period and the one before
    this.worst = [0, 0];
    this.since = -Infinity;
  }

  heard(beat, now) {
    const step = this.beat ? ((beat.number - this.beat.number + 0x18000) & 0xffff) - 0x8000 : 1;
    const far = Math.abs(step) > FAR;
    this.received += 1;
    this.expected += far ? 1 : Math.max(0, step);
    this.vary(now - Number(beat.stampNs) / 1e6, now);
    if (this.beat && step <= 0 && !far) return;
    this.beat = beat;
    this.heardAt = now;
  }

  vary(difference, now) {
    if (now - this.since > PERIOD_MS) {
      this.least = [...this.least.slice(-1), difference];
      this.worst = [this.worst[1], 0];
      this.since = now;
    }
    const last = this.least.length - 1;
    this.least[last] = Math.min(this.least[last], difference);
    this.worst[1] = Math.max(this.worst[1], difference - Math.min(...this.least));
  }

  /** The next report as bytes. */
  report(now) {
    const bytes = new Uint8Array(LINK_REPORT_BYTES);
    const view = new DataView(bytes.buffer);
    const us = (ms) => Math.min(0xffffffff, Math.max(0, Math.round(ms * 1000)));
    this.number = (this.number + 1) & 0xffff;
    view.setUint16(0, LINK_REPORT_MAGIC, true);
    view.setUint16(2, this.number, true);
    view.setBigUint64(4, this.beat?.stampNs ?? 0n, true);
    view.setBigUint64(12, BigInt(Math.round(now * 1000)), true);
    view.setUint32(20, us(this.beat ? now - this.heardAt : 0), true);
    view.setUint16(24, this.expected & 0xffff, true);
    view.setUint16(26, this.received & 0xffff, true);
    view.setUint32(28, us(Math.max(...this.worst)), true);
    return bytes;
  }
}
