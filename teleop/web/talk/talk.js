// Voice and room camera between expert and bedside, browser to browser. Lowest priority, never a
// condition for motion: everything here may fail without touching the arm.
//
// The bedside offers (it has the camera); the console says "bye" when it is new, which asks for an
// offer. Microphones are added to the running connection, so that no one must be asked first.

const GATHER_MS = 1000;
const VOICE = { audio: { echoCancellation: true, noiseSuppression: true } };

function gathered(connection) {
  return new Promise((resolve) => {
    if (connection.iceGatheringState === "complete") return resolve();
    const timer = setTimeout(resolve, GATHER_MS);
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    };
  });
}

export class Talk {
  /** `picture()` gives the bedside's room track or null; `onState` hears "idle", "open", "failed". */
  constructor(signalling, { offers, picture = () => null, onTrack, onState = () => {} }) {
    Object.assign(this, { signalling, offers, picture, onTrack, onState });
    this.connection = null;
    this.microphone = null;
    this.offerId = "";
    signalling.on("talk", (message) => this.heard(message).catch((error) => this.failed(error)));
  }

  /** The other side (re)joined, or we did. */
  start() {
    if (this.offers) this.offer().catch((error) => this.failed(error));
    else this.signalling.send("talk", { kind: "bye", data: "" });
  }

  get open() {
    return this.connection?.connectionState === "connected";
  }

  failed(error) {
    console.warn("talk", error);
    this.onState("failed");
  }

  close() {
    this.connection?.close();
    this.connection = null;
    this.audio = null;
  }

  make() {
    this.close();
    const connection = new RTCPeerConnection({ iceServers: [] });
    this.connection = connection;
    connection.ontrack = (event) => this.onTrack(event.track);
    connection.onconnectionstatechange = () => {
      if (this.connection !== connection) return;
      const state = connection.connectionState;
      if (state === "connected") this.onState("open");
      if (state === "failed" || state === "closed") this.onState("idle");
    };
    return connection;
  }

  async offer() {
    const connection = this.make();
    this.audio = connection.addTransceiver("audio", { direction: "sendrecv" });
    if (this.microphone) await this.audio.sender.replaceTrack(this.microphone);
    const picture = this.picture();
    const video = connection.addTransceiver(picture ?? "video", { direction: "sendonly" });
    await this.modest(video.sender);
    await connection.setLocalDescription(await connection.createOffer());
    await gathered(connection);
    if (this.connection !== connection) return;
    this.offerId = crypto.randomUUID();
    this.tell("offer", this.offerId);
  }

  async modest(sender) {
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings ?? []) {
      Object.assign(encoding, { maxBitrate: 300_000, maxFramerate: 10, priority: "very-low" });
    }
    await sender.setParameters(parameters);
  }

  // The id says which offer an answer belongs to: an answer to an older one is ignored.
  tell(kind, id) {
    this.signalling.send("talk", { kind, data: `${id}\n${this.connection.localDescription.sdp}` });
  }

  async heard({ kind, data }) {
    const cut = data.indexOf("\n");
    const [id, sdp] = [data.slice(0, cut), data.slice(cut + 1)];
    if (kind === "bye" && this.offers) await this.offer();
    else if (kind === "offer" && !this.offers) await this.answer(id, sdp);
    else if (kind === "answer" && this.offers && id === this.offerId) {
      if (this.connection?.signalingState !== "have-local-offer") return;
      await this.connection.setRemoteDescription({ type: "answer", sdp });
    }
  }

  async answer(id, sdp) {
    const connection = this.make();
    await connection.setRemoteDescription({ type: "offer", sdp });
    this.audio = connection.getTransceivers().find((one) => one.receiver.track.kind === "audio");
    if (this.audio) {
      this.audio.direction = "sendrecv";
      if (this.microphone) await this.audio.sender.replaceTrack(this.microphone);
    }
    await connection.setLocalDescription(await connection.createAnswer());
    await gathered(connection);
    if (this.connection !== connection) return;
    this.tell("answer", id);
  }

  /** Ask for the microphone and speak; false: none, or refused (phrases still work). */
  async speak(on) {
    if (!on) {
      this.microphone?.stop();
      this.microphone = null;
      await this.audio?.sender.replaceTrack(null);
      return true;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia(VOICE);
      [this.microphone] = stream.getAudioTracks();
      await this.audio?.sender.replaceTrack(this.microphone);
      return true;
    } catch (error) {
      console.warn("no microphone", error);
      return false;
    }
  }

  /** Replace the room picture (camera instead of the simulated view, or back). */
  async show(track) {
    const sender = this.connection?.getSenders().find((one) => one !== this.audio?.sender);
    await sender?.replaceTrack(track);
  }
}
