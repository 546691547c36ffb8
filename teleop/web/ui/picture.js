// The picture: live or not, how old, frozen copy, scale and marks drawn over it.

import { t } from "../text.js";
import { Callipers } from "./callipers.js";
import { $, fitCanvas, fixed, make, setData, setText, show } from "./dom.js";
import { drawBodyMark, drawOrientation, drawScaleBar, visibleRect } from "./marks.js";

const CALM = new Set(["banner.simulated", "banner.widened", "banner.not_real_time"]); // Standing facts: in the corner.
const NO_STATE = { mm_per_px: 0, apex_x_px: 0, apex_y_px: 0, depth_m: 0, live: true, source: "" };

export class Picture {
  constructor(video) {
    this.video = video; // VideoPath
    this.staleMs = 150;
    this.state = NO_STATE;
    this.frozen = false;
    this.bodyMark = "none";
    this.callipers = new Callipers(() => this.state.mm_per_px);
    this.dirty = true;
    this.flags = { simulated: false, widened: false, live: true, observeOnly: false };
    this.onFreeze = () => {};
    this.layers = []; // Further drawings: (context, size of a screen pixel).
  }

  /** Geometry and settings now in force (`image_state` or the video part of `welcome`). */
  geometry(state) {
    this.state = { ...this.state, ...state };
    this.dirty = true;
  }

  /** The video element that is seen now. */
  get element() {
    return this.video.element;
  }

  // Geometry is in pixels of the configured picture; on a narrow link a smaller one is sent.
  get width() {
    return this.state.width || this.element.videoWidth || 640;
  }

  get height() {
    return this.state.height || this.element.videoHeight || 480;
  }

  /** Size of one CSS pixel of the picture in metres; without a scale 0.3 mm. */
  metresPerPixel() {
    const { scale } = visibleRect(this.element, this.width, this.height);
    return ((this.state.mm_per_px || 0.3) / 1000) / scale;
  }

  /** Position of a pointer event in picture pixels. */
  toPicture(event) {
    const box = $("picture").getBoundingClientRect();
    const { left, top, scale } = visibleRect($("picture"), this.width, this.height);
    return { x: (event.clientX - box.left - left) / scale, y: (event.clientY - box.top - top) / scale };
  }

  freeze(on) {
    if (on === this.frozen) return;
    this.frozen = on;
    const canvas = $("frozen");
    if (on) {
      canvas.width = this.width;
      canvas.height = this.height;
      canvas.getContext("2d").drawImage(this.element, 0, 0, canvas.width, canvas.height);
    }
    show(canvas, on);
    $("picture").classList.toggle("is-frozen", on);
    $("freeze").setAttribute("aria-pressed", String(on));
    this.dirty = true;
    this.onFreeze(on);
  }

  /** "none", "live", "replay" or "stale". */
  liveState(now) {
    if (this.video.frames === 0) return "none";
    if (this.video.age(now) > this.staleMs) return "stale";
    return this.flags.live && this.state.live ? "live" : "replay";
  }

  render(telemetry, now) {
    if (telemetry) {
      this.flags = {
        simulated: telemetry.simulated,
        widened: telemetry.widened,
        notRealTime: telemetry.not_real_time,
        live: telemetry.live,
        observeOnly: telemetry.observe_only,
      };
    }
    const live = this.liveState(now);
    setData($("picture"), "live", this.frozen ? "frozen" : live);
    show($("stale"), live === "stale" || live === "none");
    setText($("stale"), t(live === "none" ? "picture.none" : "picture.stale"));
    const age = telemetry?.image_ms >= 0 ? telemetry.image_ms : NaN; // Only the robot's clock knows.
    setText($("frame-age"), t("picture.age", { ms: fixed(age, 0) }));
    this.renderBanners(live);
    if (fitCanvas($("overlay"))) this.dirty = true;
    if (this.dirty) this.draw();
  }

  renderBanners(live) {
    const words = [];
    if (live === "replay") words.push("banner.not_live");
    if (this.frozen) words.push("banner.frozen");
    if (this.flags.widened) words.push("banner.widened");
    if (this.flags.notRealTime) words.push("banner.not_real_time");
    if (this.flags.observeOnly) words.push("banner.observe_only");
    if (this.flags.simulated) words.push("banner.simulated");
    const wanted = words.map((key) => t(key)).join("|");
    if (wanted === this.bannerText) return;
    this.bannerText = wanted;
    const items = words.map((key) => {
      const className = CALM.has(key) ? "calm" : "";
      return make("li", { className, textContent: t(key), dataset: { banner: key.slice(7) } });
    });
    $("banners").replaceChildren(...items);
  }

  draw() {
    this.dirty = false;
    const canvas = $("overlay");
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.drawMarks(context, canvas.width, canvas.height);
  }

  /** Scale, orientation, body mark and callipers into any canvas of any size. */
  drawMarks(context, width, height) {
    const scale = Math.min(width / this.width, height / this.height);
    context.save();
    context.translate((width - this.width * scale) / 2, (height - this.height * scale) / 2);
    context.scale(scale, scale);
    drawOrientation(context);
    drawScaleBar(context, this.state, this.width, this.height);
    drawBodyMark(context, this.bodyMark, this.height);
    this.callipers.draw(context, 1 / scale);
    for (const layer of this.layers) layer(context, 1 / scale);
    context.restore();
  }
}
