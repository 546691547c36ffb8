// Who this page is: a device key that never leaves the browser, and the session's token.

const DATABASE = "teleop";
const STORE = "keys";
// Ed25519 where the browser has it, else P-256; the robot tells them apart by the key's length.
const EDWARDS = { name: "Ed25519" };
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };

/** The browser cannot hold a device key here; `message` is a key of the text table. */
export class IdentityError extends Error {}

function request(operation) {
  return new Promise((resolve, reject) => {
    operation.onsuccess = () => resolve(operation.result);
    operation.onerror = () => reject(operation.error);
  });
}

async function open() {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  return request(opening);
}

async function newPair() {
  try {
    return await crypto.subtle.generateKey(EDWARDS, false, ["sign", "verify"]);
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    return crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  }
}

/** The device's key pair; made on first use, private part not extractable. */
export async function deviceKey() {
  if (!globalThis.crypto?.subtle) throw new IdentityError("join.insecure_page");
  const database = await open();
  const kept = await request(database.transaction(STORE).objectStore(STORE).get("device"));
  if (kept) return kept;
  const pair = await newPair();
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  await request(store.put(pair, "device"));
  return pair;
}

function base64url(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Public key and signature for `hello`. */
export async function prove(nonce, secret) {
  const signature = await signBytes(new TextEncoder().encode(`${nonce}|${secret}`));
  return { device_key: base64url(await devicePublic()), signature: base64url(signature) };
}

/** The device's public key as bytes. */
export async function devicePublic() {
  const { publicKey } = await deviceKey();
  return new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
}

/** The device's signature of bytes. */
export async function signBytes(message) {
  const { privateKey } = await deviceKey();
  const { name } = privateKey.algorithm;
  const signature = await crypto.subtle.sign({ name, hash: "SHA-256" }, privateKey, message);
  return new Uint8Array(signature);
}

/** Join code from the address (#code=...), which is then removed from the address bar. */
export function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code") ?? "";
  if (code) history.replaceState(null, "", location.pathname + location.search);
  return code.trim().toUpperCase();
}

/** Token of this tab's session for `role`, "" for none. */
export function token(role) {
  return sessionStorage.getItem(`token.${role}`) ?? "";
}

export function keepToken(role, value) {
  if (value) sessionStorage.setItem(`token.${role}`, value);
  else sessionStorage.removeItem(`token.${role}`);
}
