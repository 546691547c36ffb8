// The ultrasound picture on one link: one H.264 video, received only. Which link's picture is
// shown is decided in videos.js.

import { Peer } from "./peer.js";

const OUTAGE_MS = 1500; // No frame for so long: ask for a new connection (the banner is earlier).

/** Video connection of one link into `element`; `presented(now, metadata, peer)` per frame. */
export class VideoPeer extends Peer {
  constructor(signalling, link, element, presented, now = () => performance.now()) {
    super(signalling, "video", link);
    this.element = element;
    this.presented = presented;
    this.now = now;
    this.presentedAt = -Infinity;
    this.openedAt = -Infinity;
    this.newest = null; // RTP timestamp of the newest frame presented here
    signalling.on("refused", (refused) => this.refused(refused));
    this.next();
    this.timer = setInterval(() => this.watch(), 250);
  }

  refused({ reason, link = -1 }) {
    const mine = link === this.link || link === -1;
    if (mine && this.wanted && reason in WAIT_MS) this.rebuild(WAIT_MS[reason]);
  }

  next() {
    this.element.requestVideoFrameCallback((now, metadata) => {
      this.presentedAt = now;
      this.healthy();
      if (metadata.rtpTimestamp !== undefined) this.newest = metadata.rtpTimestamp >>> 0;
      this.presented(now, metadata, this);
      this.next();
    });
  }

  prepare(connection) {
    const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
    const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
    const wanted = codecs.filter((codec) => /h264|rtx/i.test(codec.mimeType));
    if (wanted.length > 0) transceiver.setCodecPreferences(wanted);
    connection.ontrack = (event) => {
      if (this.coming !== connection && this.connection !== connection) return;
      if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
      connection.stream = new MediaStream([event.track]);
    };
  }

  stateChanged(connection) {
    super.stateChanged(connection);
    if (this.coming !== connection || connection.connectionState !== "connected") return;
    this.openedAt = this.now();
    this.takeOver(connection);
    this.element.srcObject = connection.stream;
    this.element.play().catch((error) => console.warn("video waits for a click", error));
  }

  watch() {
    if (!this.wanted || this.retryTimer || this.coming || !this.works()) return;
    const since = this.now() - Math.max(this.presentedAt, this.openedAt);
    if (since > OUTAGE_MS && document.visibilityState === "visible") this.rebuild();
  }

  stop() {
    super.stop();
    clearInterval(this.timer);
  }
}

// What to do about it is said in transport/refusals.py.
const WAIT_MS = { media_restarted: 0, media_unavailable: 1000 };
