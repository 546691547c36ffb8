// The picture over all links at once; shows the link that is ahead, and tells which frame that is.

import { make } from "../ui/dom.js";
import { VideoPeer } from "./video.js";

const BEHIND_MS = 20; // The shown link may be so much later than another before that one is shown.

/** True when RTP timestamp `a` is newer than `b` (modulo 2^32). */
const newer = (a, b) => a !== b && (a - b) >>> 0 < 0x80000000;

/** The frame on screen, whichever link brought it. */
export class VideoPath {
  constructor(signalling, element, now = () => performance.now()) {
    this.signalling = signalling;
    this.first = element;
    this.now = now;
    this.links = [];
    this.wanted = false;
    this.shown = null;
    this.frame = null; // {id, since}: RTP timestamp and page time when it was presented.
    this.presentedAt = -Infinity;
    this.frames = 0;
    this.switches = 0;
    this.refreshMs = 0; // From callback to the expected display, as the browser says it.
    this.supported = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    this.onFrame = () => {};
  }

  /** Start (and from now on keep) one connection for each of `count` links. */
  start(count) {
    if (!this.supported) return;
    this.wanted = true;
    while (this.links.length > count) this.remove();
    while (this.links.length < count) this.add();
    this.first.parentElement.classList.toggle("many-links", count > 1);
  }

  add() {
    const link = this.links.length;
    const element = link === 0 ? this.first : make("video", { muted: true, autoplay: true, playsInline: true });
    if (link > 0) this.links[link - 1].element.after(element);
    const peer = new VideoPeer(this.signalling, link, element, (...frame) => this.arrived(...frame));
    this.links.push(peer);
    this.show(this.shown ?? peer);
    peer.start();
  }

  remove() {
    const peer = this.links.pop();
    peer.stop();
    if (peer.element !== this.first) peer.element.remove();
    if (this.shown === peer) this.show(this.links[0]);
  }

  show(peer) {
    this.shown = peer;
    for (const other of this.links) other.element.classList.toggle("behind", other !== peer);
  }

  /** The element that is seen. */
  get element() {
    return this.shown?.element ?? this.first;
  }

  get srcObject() {
    return this.element.srcObject;
  }

  arrived(now, metadata, peer) {
    if (peer === this.shown) {
      clearTimeout(this.ahead);
      this.ahead = 0;
      this.presented(now, metadata);
    } else if (!this.ahead && this.isAhead(peer)) {
      this.ahead = setTimeout(() => this.overtake(peer), BEHIND_MS);
    }
  }

  isAhead(peer) {
    if (peer.newest === null) return false;
    return this.shown.newest === null || newer(peer.newest, this.shown.newest);
  }

  /** Another link has been ahead for a while: its picture is shown, counted from now on. */
  overtake(peer) {
    this.ahead = 0;
    if (!this.links.includes(peer) || !this.isAhead(peer)) return;
    this.switches += 1;
    this.show(peer);
    const now = this.now();
    this.presented(now, { rtpTimestamp: peer.newest, presentationTime: now, expectedDisplayTime: now });
  }

  presented(now, metadata) {
    this.frames += 1;
    if (metadata.rtpTimestamp === undefined) {
      this.presentedAt = now;
      return;
    }
    const id = metadata.rtpTimestamp >>> 0;
    // The picture on screen never goes back: a late copy on the link shown last is no news.
    if (this.frame && !newer(id, this.frame.id) && now - this.presentedAt < 1000) return;
    this.presentedAt = now;
    // The later of both, so that dwell (which shortens the loop figure) is never too long. What
    // comes after, one refresh and the panel, is the site's constant `video.display_lag_ms`.
    const since = Math.max(now, metadata.presentationTime);
    this.refreshMs = metadata.expectedDisplayTime - now;
    this.frame = { id, since };
    this.onFrame(now, metadata);
  }

  /** Age of the newest presented frame in ms (page clock). */
  age(now = this.now()) {
    return now - this.presentedAt;
  }
}
