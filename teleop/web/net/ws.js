// The signalling WebSocket: joins, reconnects by itself, hands messages to listeners by type.

import { PROTOCOL_VERSION } from "../generated/schema.js";
import { IdentityError, keepToken, prove, token } from "../identity.js";
import { language } from "../text.js";

const PING_MS = 1000;
const SILENT_MS = 2500; // A socket that says nothing for so long is replaced.
const RETRY_MS = [100, 200, 400, 800, 1500];
const PAGES = { console: "/console", bedside: "/bedside", observer: "/observe" };

/**
 * States: "idle" (needs a code), "joining", "open", "lost".
 * Events go to listeners of `on(type, listener)`; besides the server's message types there are
 * "change" (state) and "denied" ({reason, detail}).
 */
export class Signalling {
  constructor(role) {
    this.role = role;
    this.state = "idle";
    this.welcome = null;
    this.code = "";
    this.attempt = 0;
    this.hosts = [location.host]; // and the robot's addresses on its other links
    this.host = 0;
    this.socket = null;
    this.listeners = new Map();
    this.timer = 0;
    this.heardAt = 0;
    this.pings = 0;
    setInterval(() => this.watch(), PING_MS);
  }

  watch() {
    if (this.state === "idle" || !this.socket) return;
    this.pings += 1;
    this.send("ping", { seq: this.pings });
    if (performance.now() - this.heardAt <= SILENT_MS) return;
    this.host += 1;
    this.connect();
  }

  on(type, listener) {
    const known = this.listeners.get(type) ?? [];
    this.listeners.set(type, [...known, listener]);
    return this;
  }

  emit(type, detail) {
    for (const listener of this.listeners.get(type) ?? []) listener(detail);
  }

  /** Join with a one-time code, or (no code) with this tab's token. False: a code is needed. */
  join(code = "") {
    this.code = code;
    if (!code && !token(this.role)) {
      this.become("idle");
      return false;
    }
    this.attempt = 0;
    this.connect();
    return true;
  }

  connect() {
    clearTimeout(this.timer);
    this.socket?.close();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${this.hosts[this.host % this.hosts.length]}/ws`);
    this.socket = socket;
    this.heardAt = performance.now();
    this.become(this.welcome ? "lost" : "joining");
    socket.onmessage = (event) => this.socket === socket && this.receive(event.data);
    socket.onclose = () => this.socket === socket && this.closed();
  }

  closed() {
    this.socket = null;
    if (this.state === "idle") return;
    this.become(this.welcome ? "lost" : "joining");
    const wait = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)];
    this.attempt += 1;
    this.host += 1;
    this.timer = setTimeout(() => this.connect(), wait);
  }

  become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("change", state);
  }

  receive(data) {
    this.heardAt = performance.now();
    const message = JSON.parse(data);
    if (message.type === "challenge") this.hello(message);
    else if (message.type === "welcome") this.welcomed(message);
    else if (message.type === "refused" && this.refusedEntry(message)) this.denied(message);
    else this.emit(message.type, message);
  }

  refusedEntry(message) {
    return this.state !== "open" || (message.close && STAY_OUT.has(message.reason));
  }

  async hello(challenge) {
    this.challenge = challenge;
    const secret = this.code || token(this.role);
    try {
      const proof = await prove(challenge.nonce, secret);
      const kind = this.code ? { code: this.code } : { token: secret };
      const version = PROTOCOL_VERSION;
      this.raw({ type: "hello", version, ...proof, ...kind, language: language() });
    } catch (error) {
      if (!(error instanceof IdentityError)) throw error;
      this.stop();
      this.emit("denied", { key: error.message });
    }
  }

  welcomed(message) {
    this.code = "";
    this.attempt = 0;
    keepToken(message.role, message.token);
    if (message.role !== this.role) {
      location.assign(PAGES[message.role]);
      return;
    }
    this.welcome = message;
    this.knowHosts(message.links);
    this.become("open");
    this.emit("welcome", message);
  }

  /** The robot's addresses on all links, this one first: another is tried when it is lost. */
  knowHosts(links) {
    const current = this.hosts[this.host % this.hosts.length];
    const port = location.port ? `:${location.port}` : "";
    const bracket = (address) => (address.includes(":") ? `[${address}]` : address);
    const others = links.filter(({ address }) => address).map(({ address }) => bracket(address) + port);
    this.hosts = [...new Set([current, location.host, ...others])];
    this.host = 0;
  }

  // A spent code may belong to this very tab: its token still opens the session.
  denied(message) {
    if (this.code && token(this.role) && !message.close) {
      this.code = "";
      this.hello(this.challenge);
      return;
    }
    if (!this.code && FORGET.has(message.reason)) keepToken(this.role, "");
    if (message.reason === "hello_timeout") return; // The socket closes and we try again.
    this.stop();
    this.emit("denied", message);
  }

  stop() {
    const socket = this.socket;
    this.socket = null;
    this.welcome = null;
    socket?.close();
    this.become("idle");
  }

  raw(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Send a message of the schema; false: there is no connection, nothing was sent. */
  send(type, fields = {}) {
    return this.state === "open" && this.raw({ type, ...fields });
  }

  /** Tell guard what a person did (EventKind name); false: not sent. */
  event(name, arg = 0) {
    const sent = this.send("event", { name, arg });
    if (sent) this.emit("acted", { name, arg });
    return sent;
  }
}

const FORGET = new Set(["token_unknown", "other_device"]);
// Closed for a reason that trying again would not change (transport/refusals.py).
const STAY_OUT = new Set(["replaced", "replaced_by_other", "version", "too_many_tries"]);
