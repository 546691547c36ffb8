// One peer connection to the robot: offered by the page, answered over the WebSocket, no trickle.

const GATHER_MS = 1000;
const RETRY_MS = [250, 500, 1000, 2000];
const ANSWER_MS = 4000;

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

/** Base of the command and video peers: makes, watches and rebuilds its connection. */
export class Peer {
  constructor(signalling, kind) {
    this.signalling = signalling;
    this.kind = kind;
    this.connection = null;
    this.attempt = 0;
    this.rebuilds = 0;
    this.retryTimer = 0;
    this.answerTimer = 0;
    this.wanted = false;
    signalling.on("answer", (message) => message.peer === kind && this.answered(message.sdp));
    signalling.on("welcome", () => this.wanted && this.rebuild(0));
  }

  /** Start (and from now on keep) the connection. */
  start() {
    this.wanted = true;
    this.rebuild(0);
  }

  stop() {
    this.wanted = false;
    this.drop();
  }

  drop() {
    clearTimeout(this.retryTimer);
    clearTimeout(this.answerTimer);
    this.retryTimer = 0;
    const old = this.connection;
    this.connection = null;
    old?.close();
  }

  /** Build a new connection after `wait` ms (default: the back-off); repeated calls are one. */
  rebuild(wait = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)]) {
    if (this.retryTimer && wait > 0) return;
    this.drop();
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
    this.connection = connection;
    connection.onconnectionstatechange = () => this.stateChanged(connection);
    this.prepare(connection);
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    if (this.connection !== connection) return;
    this.signalling.send("offer", { peer: this.kind, sdp: connection.localDescription.sdp });
    this.answerTimer = setTimeout(() => {
      if (connection.connectionState !== "connected") this.rebuild();
    }, ANSWER_MS);
  }

  async answered(sdp) {
    const connection = this.connection;
    if (connection?.signalingState !== "have-local-offer") return;
    try {
      await connection.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      console.error(`${this.kind}: the answer cannot be used`, error);
      if (this.connection === connection) this.rebuild();
    }
  }

  stateChanged(connection) {
    if (this.connection !== connection) return;
    if (["failed", "closed", "disconnected"].includes(connection.connectionState)) this.rebuild();
  }

  /** Subclasses add channels or transceivers. */
  prepare(_connection) {}
}
