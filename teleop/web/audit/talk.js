// The audit log of this page: follows what is done and shown, stores, talks with the robot's log.

import { devicePublic, signBytes } from "../identity.js";
import { fromBase64url, toBase64url } from "../keys/bytes.js";
import { sha256 } from "../keys/sha256.js";
import { ForkError, SiteLog, UnbelievedError } from "./log.js";
import { LogStore } from "./store.js";

const TURN_MS = 1000; // What happened is signed within a second.
const SHOW_EVERY = 5; // Turns between two heads that the robot is shown.
const STOPS = new Set(["HOLD", "SAFE_STOP", "ESTOP", "FAULT"]);
const POINT_BYTES = 65; // P-256; Ed25519 keys have 32.
const CLOCK = {
  utcMs: () => Date.now(),
  monoNs: () => Math.round(performance.now() * 1e6),
};

/** True when `key` made the signature; false for anything that cannot be checked. */
async function verify(key, signature, bytes) {
  const raw = fromBase64url(key);
  const name = raw.length === POINT_BYTES ? "ECDSA" : "Ed25519";
  try {
    const algorithm = { name, namedCurve: "P-256", hash: "SHA-256" };
    const imported = await crypto.subtle.importKey("raw", raw, algorithm, false, ["verify"]);
    return await crypto.subtle.verify(algorithm, imported, fromBase64url(signature), bytes);
  } catch (error) {
    if (error instanceof DOMException) return false; // no such key, or a browser without Ed25519
    throw error;
  }
}

export class AuditTalk {
  /** Begins with the first welcome: by then the device has its key. */
  constructor(signalling) {
    this.signalling = signalling;
    this.session = 0;
    this.seen = null;
    this.turns = 0;
    this.work = null;
    this.log = null;
    this.problem = "";
    signalling.on("welcome", (welcome) => this.joined(welcome));
    signalling.on("acted", ({ name, arg }) => this.add("act", { name, value: arg }));
    signalling.on("audit", ({ data }) => this.later(() => this.take(data)));
  }

  async begin() {
    const key = await devicePublic();
    const name = toBase64url(sha256(key).subarray(0, 6));
    const origin = `browser-${name}-${Date.now().toString(36)}`;
    this.store = new LogStore(`${Date.now()} ${origin}`);
    this.stored = 0;
    await this.store.open();
    this.log = new SiteLog(origin, { public: toBase64url(key), sign: signBytes }, verify, CLOCK);
    this.log.add("opened");
    setInterval(() => this.later(() => this.turn()), TURN_MS);
  }

  /** One thing after the other: heads stand where they were signed. */
  later(task) {
    if (!this.work) return Promise.resolve();
    this.work = this.work.then(() => this.log && task()).catch((error) => this.failed(error));
    return this.work;
  }

  failed(error) {
    if (error instanceof ForkError) this.log.add("forked", { session: this.session, detail: error.message });
    const told = this.problem === error.message;
    this.problem = error.message;
    if (told || error instanceof UnbelievedError) return; // The robot shows a newer head soon.
    this.signalling.emit("refused", { reason: "audit", detail: error.message });
  }

  joined(welcome) {
    this.session = welcome.session;
    this.work ??= this.begin().catch((error) => this.failed(error));
    this.add("joined", { name: "console" });
  }

  add(kind, content) {
    this.later(() => this.log.add(kind, { session: this.session, ...content }));
  }

  /** Follow what the robot says: engagements and stops. */
  telemetry({ stateName, causeName, epoch, engagement }) {
    const before = this.seen;
    const stop = STOPS.has(stateName) ? `${stateName} ${causeName}` : "";
    this.seen = { stop, engagement };
    if (before && before.engagement !== engagement) this.add("engaged", { value: engagement, detail: String(epoch) });
    if (stop && before?.stop !== stop) this.add("stopped", { name: stateName, detail: causeName });
  }

  async turn() {
    await this.save();
    const due = this.turns % SHOW_EVERY === 0;
    this.turns += 1;
    if (due && this.session) this.say(this.log.present());
  }

  async take(data) {
    const answer = await this.log.take(JSON.parse(data), this.session);
    if (!answer) return;
    await this.save(); // What we sign is stored first.
    this.say(answer);
  }

  say(message) {
    this.signalling.send("audit", { data: JSON.stringify(message) });
  }

  async save() {
    await this.log.sign();
    const { signed } = this.log;
    if (signed === this.stored) return;
    await this.store.append(this.log.lines.slice(this.stored, signed));
    this.stored = signed;
  }

  /** The whole log, closed for now, as text. */
  async closed() {
    let text = "";
    await this.later(async () => {
      this.log.add("closed");
      await this.save();
      text = await this.store.text();
    });
    return text;
  }

  async download() {
    if (!this.log) return; // Nobody has joined yet.
    const blob = new Blob([await this.closed()], { type: "text/plain" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${this.log.origin}.audit.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}
