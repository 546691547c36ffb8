// The command key: agreed with the robot's keys process (transport/keyagreement.py is the original),
// signs every safety frame. X25519 always, ML-KEM-768 where this browser has it.

import { devicePublic, signBytes } from "../identity.js";
import { fromBase64url, toBase64url } from "./bytes.js";
import { Hmac, sha256 } from "./sha256.js";

const LABEL = new TextEncoder().encode("teleop key agreement 1");
const OFFER_BYTES = 1365;
const AT = { version: 0, session: 1, x25519: 37, mlkem: 69, source: 1253, site: 1269 };
const CIPHERTEXT_BYTES = 1088;
const DEVICE_KEY_BYTES = 65;
const TAG_AT = 108;
const SUITE = { x25519: 1, mlkem: 2 };
const NAMES = [[1, "X25519"], [2, "ML-KEM-768"], [4, "pin"], [8, "key source"]];

/** The robot's offer cannot be answered here. */
export class AgreementError extends Error {}

function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function text(name) {
  return new TextEncoder().encode(name);
}

async function exchange(theirs) {
  const pair = await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
  const point = await crypto.subtle.importKey("raw", theirs, { name: "X25519" }, false, []);
  const shared = await crypto.subtle.deriveBits({ name: "X25519", public: point }, pair.privateKey, 256);
  const own = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { shared: new Uint8Array(shared), own: new Uint8Array(own) };
}

/** Secret and ciphertext of ML-KEM-768, or null: this browser does not have it. */
async function encapsulate(theirs) {
  const name = "ML-KEM-768";
  if (!crypto.subtle.encapsulateBits) return null;
  try {
    const key = await crypto.subtle.importKey("raw-public", theirs, { name }, false, ["encapsulateBits"]);
    const { sharedKey, ciphertext } = await crypto.subtle.encapsulateBits({ name }, key);
    return { shared: new Uint8Array(sharedKey), ciphertext: new Uint8Array(ciphertext) };
  } catch (error) {
    if (error.name === "NotSupportedError") return null;
    throw error;
  }
}

/** Answer an offer: {reply, key, done, suite}. */
export async function answer(offer, session) {
  const view = new DataView(offer.buffer, offer.byteOffset, offer.byteLength);
  if (offer.length !== OFFER_BYTES || view.getUint8(AT.version) !== 1) throw new AgreementError("offer");
  if (view.getUint32(AT.session, true) !== session) throw new AgreementError("session");
  if (offer.subarray(AT.source, AT.site).some((byte) => byte)) throw new AgreementError("source");
  const curve = await exchange(offer.subarray(AT.x25519, AT.mlkem));
  const kem = await encapsulate(offer.subarray(AT.mlkem, AT.source));
  const suite = SUITE.x25519 | (kem ? SUITE.mlkem : 0);
  const device = await devicePublic();
  const padded = new Uint8Array(DEVICE_KEY_BYTES);
  padded.set(device);
  const body = join(
    Uint8Array.of(suite), curve.own, kem?.ciphertext ?? new Uint8Array(CIPHERTEXT_BYTES),
    new Uint8Array(8), Uint8Array.of(device.length), padded,
  );
  const secrets = kem ? join(curve.shared, kem.shared) : curve.shared;
  const transcript = sha256(join(LABEL, offer, body));
  const root = new Hmac(new Hmac(transcript).digest(secrets));
  const key = (name) => root.digest(join(LABEL, text(name), Uint8Array.of(1)));
  const signature = await signBytes(join(LABEL, transcript));
  const confirm = new Hmac(key("console confirms")).digest(signature);
  const done = new Hmac(key("robot confirms")).digest(transcript);
  return { reply: join(body, signature, confirm), key: new Hmac(key("command key")), done, suite };
}

/** Agrees whenever the robot asks; the old key signs until the robot has the new one. */
export class CommandKey {
  constructor(signalling) {
    this.signalling = signalling;
    this.waiting = null;
    this.key = null;
    this.suite = 0;
    this.agreements = 0;
    this.onChange = () => {};
    this.onProblem = () => {};
    signalling.on("key_offer", (message) => this.offered(message));
    signalling.on("key_done", (message) => this.done(message));
  }

  async offered({ data }) {
    try {
      this.waiting = await answer(fromBase64url(data), this.signalling.welcome.session);
      this.signalling.send("key_reply", { data: toBase64url(this.waiting.reply) });
    } catch (error) {
      this.waiting = null;
      this.onProblem(error);
    }
  }

  done({ data }) {
    const { waiting } = this;
    const proof = fromBase64url(data);
    if (!waiting || proof.length !== 32 || waiting.done.some((byte, i) => byte !== proof[i])) return;
    this.waiting = null;
    this.key = waiting.key;
    this.suite = waiting.suite;
    this.agreements += 1;
    this.onChange();
  }

  /** What went into the key, in words; "" without one. */
  get suiteText() {
    return NAMES.filter(([bit]) => this.suite & bit).map(([, name]) => name).join(" + ");
  }

  /** Write the tag into a frame; false: there is no key, the frame must not be sent. */
  sign(frame) {
    if (!this.key) return false;
    frame.set(this.key.digest(frame.subarray(0, TAG_AT)).subarray(0, 16), TAG_AT);
    return true;
  }
}
