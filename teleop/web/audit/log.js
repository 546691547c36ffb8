// The log of this page's site and its eye on the robot's log, without input or output
// (teleop/audit/log.py and witness.py are the originals; the lines are the same).

import { fromBase64url, toBase64url } from "../keys/bytes.js";
import { Tree, isConsistent } from "./merkle.js";

const HASH_BYTES = 32;
const encoder = new TextEncoder();

/** The robot's site broke with its past: two statements of it exclude each other. */
export class ForkError extends Error {}
/** What came cannot be believed; nothing was signed. */
export class UnbelievedError extends Error {}

function rootText(root) {
  return btoa(String.fromCharCode(...root));
}

function rootBytes(head) {
  return Uint8Array.from(atob(head.root), (letter) => letter.charCodeAt(0));
}

/** What a site signs (C2SP tlog-checkpoint with one extension line). */
function body(origin, head) {
  return `${origin}\n${head.size}\n${head.root}\nhead ${head.number} ${head.utc_ms}\n`;
}

function cosignedBody(origin, head, utcS) {
  return encoder.encode(`cosignature/v1\ntime ${utcS}\n${body(origin, head)}`);
}

/**
 * `keys`: {public: base64url, sign(bytes) -> Promise of bytes}; `verify(key, signature, bytes)`
 * -> Promise of a boolean; `clock`: {utcMs(), monoNs()}, whole numbers.
 */
export class SiteLog {
  constructor(origin, keys, verify, clock) {
    this.origin = origin;
    this.keys = keys;
    this.verify = verify;
    this.clock = clock;
    this.tree = new Tree();
    this.lines = [JSON.stringify({ line: "log", format: 1, origin, key: keys.public })];
    this.heads = new Map(); // by size
    this.head = null;
    this.signed = 0; // lines up to the newest head: only these are stored
    this.known = null; // {origin, key, head} of the robot's log
    this.confirmed = 0;
    this.cosigner = "";
  }

  add(kind, { session = 0, name = "", value = 0, detail = "" } = {}) {
    const { clock } = this;
    const times = { utc_ms: clock.utcMs(), mono_ns: clock.monoNs() };
    const entry = { line: "entry", n: this.tree.size, ...times, kind, session, name, value, detail };
    const line = JSON.stringify(entry);
    this.tree.append(encoder.encode(line));
    this.lines.push(line);
  }

  /** Sign what is there. One call at a time: entries that come meanwhile stand below the head. */
  async sign() {
    const { size } = this.tree;
    if (size === 0 || this.head?.size === size) return;
    const at = this.lines.length;
    const number = this.heads.size;
    const head = { line: "head", number, size, root: rootText(this.tree.root()), utc_ms: this.clock.utcMs() };
    const signature = await this.keys.sign(encoder.encode(body(this.origin, head)));
    this.head = { ...head, signature: toBase64url(signature) };
    this.heads.set(size, this.head);
    this.lines.splice(at, 0, JSON.stringify(this.head));
    this.signed = at + 1;
  }

  /** Our newest head for the robot, proven to continue the one that it signed last. */
  present() {
    const { head, confirmed } = this;
    const proof = confirmed ? this.tree.consistency(confirmed, head.size).map(toBase64url) : [];
    return { type: "shown", origin: this.origin, key: this.keys.public, head, first: confirmed, proof };
  }

  /** What the robot's log says; returns our answer, or null. */
  async take(message, session) {
    if (message.type === "seen") {
      await this.countersigned(message, session);
      return null;
    }
    const { origin, key, head } = message;
    if (!(await this.verify(key, head.signature, encoder.encode(body(origin, head)))))
      throw new UnbelievedError(`${origin}: head ${head.size} is not signed by its key`);
    if (!this.known || this.continues(message)) {
      this.known = { origin, key, head };
      const detail = JSON.stringify([key, head]);
      this.add("witnessed", { session, name: origin, value: head.size, detail });
    }
    const utc_s = Math.floor(this.clock.utcMs() / 1000);
    const seen = this.known.head;
    const signature = toBase64url(await this.keys.sign(cosignedBody(origin, seen, utc_s)));
    return { type: "seen", origin: this.origin, key: this.keys.public, size: seen.size, utc_s, signature };
  }

  /** True: newer than what we know, and proven; false: nothing new can be believed yet. */
  continues({ origin, key, head, first, proof }) {
    const { known } = this;
    if (origin !== known.origin || key !== known.key)
      throw new ForkError(`${known.origin} became ${origin}, or has another key`);
    const old = known.head;
    if (head.size < old.size) throw new ForkError(`${origin} went back from ${old.size} to ${head.size} entries`);
    if (head.size === old.size) {
      if (head.root !== old.root) throw new ForkError(`${origin} has two histories of ${old.size} entries`);
      return false;
    }
    if (first !== old.size) return false;
    const hashes = proof.map(fromBase64url);
    if (hashes.some((step) => step.length !== HASH_BYTES)) throw new UnbelievedError(`${origin}: not a proof`);
    if (!isConsistent(old.size, head.size, rootBytes(old), rootBytes(head), hashes))
      throw new ForkError(`${origin}: entries before ${old.size} were changed`);
    return true;
  }

  async countersigned({ origin, key, size, utc_s, signature }, session) {
    const head = this.heads.get(size);
    const text = head && cosignedBody(this.origin, head, utc_s);
    const same = this.cosigner === "" || this.cosigner === key;
    if (!head || !same || !(await this.verify(key, signature, text)))
      throw new UnbelievedError(`${origin}: wrong signature of head ${size}`);
    this.cosigner = key;
    if (size <= this.confirmed) return;
    this.confirmed = size;
    const detail = JSON.stringify([key, head, utc_s, signature]);
    this.add("cosigned", { session, name: origin, value: size, detail });
  }
}

