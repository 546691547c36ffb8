// The command path over all links at once: every message goes over each, the first copy counts.

import { LINK_REPORT_HZ } from "../generated/schema.js";
import { CommandPeer } from "./command.js";
import { Repeat } from "./repeat.js";
import { fromBytes } from "./telemetry.js";

const ALIVE_MS = 250;
const OVERTAKEN = 25; // Telemetry messages: 0.25 s.

/** What the console knows from the robot, whichever link brought it first. */
export class CommandPath {
  constructor(signalling, now = () => performance.now()) {
    this.signalling = signalling;
    this.now = now;
    this.links = [];
    this.wanted = false;
    this.heartbeat = null;
    this.heartbeatAt = -Infinity;
    this.telemetry = null;
    this.telemetryAt = -Infinity;
    this.sent = 0;
    this.repeat = new Repeat((copy) => this.links.forEach((peer) => peer.transmitAgain(copy)));
    this.unreadable = 0;
    this.onTelemetry = () => {};
    setInterval(() => this.report(), 1000 / LINK_REPORT_HZ);
  }

  /** Start (and from now on keep) one connection for each of `count` links. */
  start(count, repeatAfterMs = 0) {
    this.wanted = true;
    this.repeat.afterMs = repeatAfterMs;
    while (this.links.length > count) this.links.pop().stop();
    while (this.links.length < count) {
      const link = this.links.length;
      const peer = new CommandPeer(this.signalling, link, (beat) => this.heard(beat), (data) => this.reported(data));
      this.links.push(peer);
      peer.start();
    }
  }

  get open() {
    return this.links.some((peer) => peer.open);
  }

  get rebuilds() {
    return this.links.reduce((sum, peer) => sum + peer.rebuilds, 0);
  }

  /** True while heartbeats arrive: the path to the robot works. */
  get alive() {
    return this.now() - this.heartbeatAt <= ALIVE_MS;
  }

  heard(beat) {
    // An older heartbeat never replaces a newer one, unless guard was restarted.
    const restarted = this.heartbeat && beat.epoch > this.heartbeat.epoch;
    if (this.heartbeat && beat.stampNs <= this.heartbeat.stampNs && !restarted) return;
    this.heartbeat = beat;
    this.heartbeatAt = this.now();
  }

  reported(buffer) {
    const telemetry = fromBytes(buffer);
    if (!telemetry) {
      this.unreadable += 1;
      return;
    }
    const last = this.telemetry;
    const behind = last ? last.seq - telemetry.seq : -1;
    // A second copy, or an older message (a restarted gateway counts from 1 again).
    if (last && (telemetry.stamp_us < last.stamp_us || (behind >= 0 && behind < OVERTAKEN))) return;
    this.telemetry = telemetry;
    this.telemetryAt = this.now();
    this.onTelemetry(telemetry);
  }

  /** Send a frame over every link, now or never. */
  transmit(bytes) {
    let left = false;
    for (const peer of this.links) left = peer.transmit(bytes) || left;
    this.sent += left;
    this.repeat.sent(bytes, left && this.links.filter((peer) => peer.works()).length === 1);
    return left;
  }

  /** Tell the robot how each link looks from here. */
  report() {
    const now = this.now();
    for (const peer of this.links) if (peer.open) peer.transmit(peer.counter.report(now));
  }
}
