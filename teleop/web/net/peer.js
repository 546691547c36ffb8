// One peer connection to the robot: offered by the page, answered over the WebSocket, no trickle.
// A new connection is made before the old one is given up: whichever works first carries on.

import { checkAnswer, proveOffer } from "../keys/binding.js";

const GATHER_MS = 1000;
const RETRY_MS = [250, 500, 1000, 2000];
const ANSWER_MS = 4000;
const GONE = new Set(["failed", "closed", "disconnected"]);

function gathered(connection) {
  return new Promise((resolve) => {
    if (connection.iceGatheringState === "complete") return resolve();
    const timer = setTimeout(resolve, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Base of the command and video peers of one link: makes, watches and rebuilds its connection. */
export class Peer {
  constructor(signalling, kind, link = 0) {
    this.signalling = signalling;
    this.kind = kind;
    this.link = link;
    this.connection = null; // in use
    this.coming = null; // will replace it
    this.attempt = 0;
    this.rebuilds = 0;
    this.retryTimer = 0;
    this.answerTimer = 0;
    this.wanted = false;
    const mine = (message) => message.peer === kind && (message.link ?? 0) === link;
    signalling.on("answer", (message) => mine(message) && this.answered(message));
    signalling.on("welcome", () => this.wanted && !this.works() && this.rebuild(0));
  }

  /** Start (and from now on keep) the connection. */
  start() {
    this.wanted = true;
    this.rebuild(0);
  }

  stop() {
    this.wanted = false;
    this.abandon();
    const old = this.connection;
    this.connection = null;
    old?.close();
  }

  /** Give up the connection that is being made. */
  abandon() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.answerTimer);
    this.retryTimer = 0;
    const half = this.coming;
    this.coming = null;
    half?.close();
  }

  /** Build a new connection after `wait` ms (default: the back-off); repeated calls are one. */
  rebuild(wait = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)]) {
    if ((this.retryTimer || this.coming) && wait > 0) return;
    this.abandon();
    this.attempt += 1;
    this.rebuilds += 1;
    this.retryTimer = setTimeout(() => this.offer(), wait);
  }

  /** The connection works: the next rebuild is quick again. */
  healthy() {
    this.attempt = 0;
  }

  async offer() {
    this.retryTimer = 0;
    if (this.signalling.state !== "open") return; // Its `welcome` starts us again.
    const connection = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    this.coming = connection;
    connection.onconnectionstatechange = () => this.stateChanged(connection);
    this.prepare(connection);
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    if (this.coming !== connection) return;
    const { sdp } = connection.localDescription;
    this.offered = { peer: this.kind, link: this.link, sdp };
    const proof = await proveOffer(this.signalling, this.offered);
    if (this.coming !== connection) return;
    this.signalling.send("offer", { ...this.offered, proof });
    this.answerTimer = setTimeout(() => {
      if (this.coming !== connection) return;
      this.abandon();
      this.rebuild();
    }, ANSWER_MS);
  }

  async answered(answer) {
    const connection = this.coming;
    if (connection?.signalingState !== "have-local-offer") return;
    const { sdp } = answer;
    try {
      await checkAnswer(this.signalling, this.offered, answer);
      if (this.coming !== connection) return;
      await connection.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      console.error(`${this.kind}: the answer cannot be used`, error);
      if (this.coming !== connection) return;
      this.abandon();
      this.rebuild();
    }
  }

  /** The coming connection works: it takes over. */
  takeOver(connection) {
    if (this.coming !== connection) return;
    clearTimeout(this.answerTimer);
    const old = this.connection;
    this.connection = connection;
    this.coming = null;
    if (old) old.close();
  }

  stateChanged(connection) {
    if (!GONE.has(connection.connectionState)) return;
    if (this.coming === connection) this.abandon();
    else if (this.connection !== connection) return;
    this.rebuild();
  }

  /** True while nothing has to be made anew. */
  works() {
    return this.connection?.connectionState === "connected";
  }

  /** Subclasses add channels or transceivers, and call `takeOver` when it works. */
  prepare(_connection) {}
}
