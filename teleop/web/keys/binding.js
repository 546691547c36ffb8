// Signed session descriptions (transport/binding.py is the original): whoever relays signalling
// cannot put itself into a peer connection.

import { signBytes } from "../identity.js";
import { fromBase64url, toBase64url } from "./bytes.js";
import { sha256 } from "./sha256.js";

/** The answer is not signed by the robot that this page knows. */
export class BindingError extends Error {}

function digest(sdp) {
  const bytes = sha256(new TextEncoder().encode(sdp));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function text(kind, signalling, { peer, link }, ...digests) {
  const { challenge, welcome, role } = signalling;
  const parts = [`teleop ${kind} 1`, challenge.nonce, welcome.session, role, peer, link, ...digests];
  return new TextEncoder().encode(parts.join("|"));
}

/** This device's signature of its offer. */
export async function proveOffer(signalling, offer) {
  return toBase64url(await signBytes(text("offer", signalling, offer, digest(offer.sdp))));
}

async function isSigned(key, proof, message) {
  try {
    const name = "Ed25519";
    const site = await crypto.subtle.importKey("raw", fromBase64url(key), { name }, false, ["verify"]);
    return await crypto.subtle.verify({ name }, site, fromBase64url(proof), message);
  } catch (error) {
    if (error.name === "NotSupportedError") return true; // TLS alone vouches, as for the page itself.
    throw error;
  }
}

/** BindingError: another site's answer, or one that somebody changed on the way. */
export async function checkAnswer(signalling, offer, { sdp, proof = "", site_key: key = "" }) {
  if (!proof && !signalling.siteKey) return; // The robot's keys process is not there (yet).
  if (signalling.siteKey && key !== signalling.siteKey) throw new BindingError("another site's key");
  const message = text("answer", signalling, offer, digest(offer.sdp), digest(sdp));
  if (!(await isSigned(key, proof, message))) throw new BindingError("wrong signature");
  signalling.siteKey = key;
}
