// Who this page is: a device key that never leaves the browser, and the session's token.

const DATABASE = "teleop";
const STORE = "keys";
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

/** The device's key pair; made on first use, private part not extractable. */
export async function deviceKey() {
  if (!globalThis.crypto?.subtle) throw new IdentityError("join.insecure_page");
  const database = await open();
  const kept = await request(database.transaction(STORE).objectStore(STORE).get("device"));
  if (kept) return kept;
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
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
  const pair = await deviceKey();
  const message = new TextEncoder().encode(`${nonce}|${secret}`);
  const signature = await crypto.subtle.sign(
    { name: "ECDSA", hash: "SHA-256" },
    pair.privateKey,
    message,
  );
  const point = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { device_key: base64url(point), signature: base64url(signature) };
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
