// The ultrasound picture: one H.264 video, received only; tells which frame is on screen.

import { Peer } from "./peer.js";

const OUTAGE_MS = 1500; // No frame for so long: ask for a new connection (the banner is earlier).

/** Video connection drawn into `element`; keeps id and time of the frame on screen. */
export class VideoPeer extends Peer {
  constructor(signalling, element, now = () => performance.now()) {
    super(signalling, "video");
    this.element = element;
    this.now = now;
    this.frame = null; // {id, since}: RTP timestamp and page time when it was presented.
    this.presentedAt = -Infinity;
    this.frames = 0;
    this.refreshMs = 0; // From callback to the expected display, as the browser says it.
    this.supported = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    this.onFrame = () => {};
    signalling.on("refused", ({ reason }) => this.wanted && reason in WAIT_MS && this.rebuild(WAIT_MS[reason]));
    if (this.supported) this.next();
    setInterval(() => this.watch(), 250);
  }

  next() {
    this.element.requestVideoFrameCallback((now, metadata) => {
      this.presented(now, metadata);
      this.next();
    });
  }

  presented(now, metadata) {
    this.frames += 1;
    this.presentedAt = now;
    if (metadata.rtpTimestamp === undefined) return;
    // The later of both, so that dwell (which shortens the loop figure) is never too long. What
    // comes after, one refresh and the panel, is the site's constant `video.display_lag_ms`.
    const since = Math.max(now, metadata.presentationTime);
    this.refreshMs = metadata.expectedDisplayTime - now;
    this.frame = { id: metadata.rtpTimestamp >>> 0, since };
    this.healthy();
    this.onFrame(metadata);
  }

  /** Age of the newest presented frame in ms (page clock). */
  age(now = this.now()) {
    return now - this.presentedAt;
  }

  prepare(connection) {
    this.openedAt = this.now();
    const transceiver = connection.addTransceiver("video", { direction: "recvonly" });
    const codecs = RTCRtpReceiver.getCapabilities("video").codecs;
    const wanted = codecs.filter((codec) => /h264|rtx/i.test(codec.mimeType));
    if (wanted.length > 0) transceiver.setCodecPreferences(wanted);
    connection.ontrack = (event) => {
      if (this.connection !== connection) return;
      if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
      this.element.srcObject = new MediaStream([event.track]);
      this.element.play().catch((error) => console.warn("video waits for a click", error));
    };
  }

  watch() {
    if (!this.wanted || this.retryTimer || this.connection?.connectionState !== "connected") return;
    const since = this.now() - Math.max(this.presentedAt, this.openedAt);
    if (since > OUTAGE_MS && document.visibilityState === "visible") this.rebuild();
  }
}

// What to do about it is said in transport/refusals.py.
const WAIT_MS = { media_restarted: 0, media_unavailable: 1000 };
