// Commands up, heartbeats and telemetry down, on one link: two unordered channels that never
// retransmit. The same bytes go over every link (commands.js); what came over this one is counted.

import { CHANNEL_COMMAND, CHANNEL_TELEMETRY, HEARTBEAT_BYTES } from "../generated/schema.js";
import { readHeartbeat } from "./frame.js";
import { LinkCounter } from "./linkreport.js";
import { Peer } from "./peer.js";
import { unmarked } from "./repeat.js";

const OUTAGE_MS = 250; // The association is rebuilt after such an outage (docs/network.md).
const NEWEST_WINS = { ordered: false, maxRetransmits: 0 };

/** The console's command connection on one link. `now()` is the page's monotonic clock in ms. */
export class CommandPeer extends Peer {
  constructor(signalling, link, heard, reported, now = () => performance.now()) {
    super(signalling, "command", link);
    this.now = now;
    this.counter = new LinkCounter();
    this.heard = heard; // called with each heartbeat
    this.reported = reported; // called with the bytes of each telemetry message
    this.heardAt = -Infinity;
    this.openedAt = Infinity;
    this.replaced = 0;
    this.unreadable = 0;
    this.waiting = new Map(); // kind (its size) -> newest message that has not left
    signalling.on("refused", (refused) => this.refused(refused));
    setInterval(() => this.watch(), 50);
  }

  refused({ reason, link = -1 }) {
    const mine = link === this.link || link === -1;
    if (mine && this.wanted && reason === "rebuild") this.rebuild(0);
  }

  prepare(connection) {
    const command = connection.createDataChannel(CHANNEL_COMMAND, NEWEST_WINS);
    command.binaryType = "arraybuffer";
    command.onopen = () => {
      this.command = command;
      this.waiting.clear();
      this.openedAt = this.now();
      this.takeOver(connection);
    };
    command.onmessage = (event) => this.beat(event.data);
    command.onbufferedamountlow = () => this.flush();
    command.onclose = () => this.connection === connection && this.rebuild();
    const telemetry = connection.createDataChannel(CHANNEL_TELEMETRY, NEWEST_WINS);
    telemetry.binaryType = "arraybuffer";
    telemetry.onmessage = (event) => {
      this.heardAt = this.now();
      this.reported(event.data);
    };
  }

  get open() {
    return this.command?.readyState === "open";
  }

  works() {
    return this.open && this.now() - Math.max(this.heardAt, this.openedAt) <= OUTAGE_MS;
  }

  beat(buffer) {
    const { message, again } = unmarked(buffer, HEARTBEAT_BYTES);
    const beat = readHeartbeat(message);
    if (!beat) {
      this.unreadable += 1;
      return;
    }
    this.heardAt = this.now();
    if (!again) this.counter.heard(beat, this.heardAt); // Losses are counted without copies.
    this.healthy();
    this.heard(beat);
  }

  /** Send now, or in place of an older message that has not left: one of a kind waits at most. */
  transmit(bytes) {
    if (!this.open) return false;
    if (this.command.bufferedAmount > 0) {
      this.replaced += this.waiting.has(bytes.length);
      this.waiting.set(bytes.length, bytes);
    } else {
      this.command.send(bytes);
    }
    return true;
  }

  /** Send a second copy; where something waits already, it would only add to it. */
  transmitAgain(bytes) {
    if (this.open && this.command.bufferedAmount === 0) this.command.send(bytes);
  }

  flush() {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    if (this.open) for (const bytes of waiting) this.command.send(bytes);
  }

  watch() {
    if (!this.wanted || !this.open || this.retryTimer || this.coming) return;
    // Telemetry without heartbeats means a silent guard, not a dead association.
    if (!this.works()) this.rebuild();
  }
}
