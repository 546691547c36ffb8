// Commands up, heartbeats and telemetry down: two unordered channels that never retransmit.

import { CHANNEL_COMMAND, CHANNEL_TELEMETRY, FRAME_BYTES } from "../generated/schema.js";
import { readHeartbeat } from "./frame.js";
import { Peer } from "./peer.js";
import { fromBytes } from "./telemetry.js";

const OUTAGE_MS = 250; // DESIGN.md section 3: the association is rebuilt after such an outage.
const QUEUE_BYTES = 4 * FRAME_BYTES;
const NEWEST_WINS = { ordered: false, maxRetransmits: 0 };

/** The console's command connection. `now()` is the page's monotonic clock in ms. */
export class CommandPeer extends Peer {
  constructor(signalling, now = () => performance.now()) {
    super(signalling, "command");
    this.now = now;
    this.heartbeat = null;
    this.heartbeatAt = -Infinity;
    this.telemetry = null;
    this.telemetryAt = -Infinity;
    this.sent = 0;
    this.skipped = 0;
    this.unreadable = 0;
    this.onTelemetry = () => {};
    signalling.on("refused", ({ reason }) => this.wanted && reason === "rebuild" && this.rebuild(0));
    setInterval(() => this.watch(), 50);
  }

  prepare(connection) {
    this.command = connection.createDataChannel(CHANNEL_COMMAND, NEWEST_WINS);
    this.command.binaryType = "arraybuffer";
    this.command.onopen = () => {
      this.openedAt = this.now();
    };
    this.command.onmessage = (event) => this.heard(event.data);
    this.command.onclose = () => this.connection === connection && this.rebuild();
    const telemetry = connection.createDataChannel(CHANNEL_TELEMETRY, NEWEST_WINS);
    telemetry.binaryType = "arraybuffer";
    telemetry.onmessage = (event) => this.reported(event.data);
  }

  get open() {
    return this.command?.readyState === "open";
  }

  /** True while heartbeats arrive: the path to the robot works. */
  get alive() {
    return this.now() - this.heartbeatAt <= OUTAGE_MS;
  }

  heard(buffer) {
    const beat = readHeartbeat(buffer);
    if (!beat) {
      this.unreadable += 1;
      return;
    }
    // Unordered: an older heartbeat never replaces a newer one, unless guard was restarted.
    const restarted = this.heartbeat && beat.epoch > this.heartbeat.epoch;
    if (this.heartbeat && beat.stampNs <= this.heartbeat.stampNs && !restarted) return;
    this.heartbeat = beat;
    this.heartbeatAt = this.now();
    this.healthy();
  }

  reported(buffer) {
    const telemetry = fromBytes(buffer);
    if (!telemetry) {
      this.unreadable += 1;
      return;
    }
    if (this.telemetry && telemetry.stamp_us < this.telemetry.stamp_us) return;
    this.telemetry = telemetry;
    this.telemetryAt = this.now();
    this.onTelemetry(telemetry);
  }

  /** Send a frame now or not at all: nothing ever waits in a queue. */
  transmit(bytes) {
    if (!this.open) return false;
    if (this.command.bufferedAmount > QUEUE_BYTES) {
      this.skipped += 1;
      return false;
    }
    this.command.send(bytes);
    this.sent += 1;
    return true;
  }

  watch() {
    if (!this.wanted || !this.open || this.retryTimer) return;
    // Telemetry without heartbeats means a silent guard, not a dead association.
    const heard = Math.max(this.heartbeatAt, this.telemetryAt, this.openedAt ?? this.now());
    if (this.now() - heard > OUTAGE_MS) this.rebuild();
  }
}
