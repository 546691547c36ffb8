// The simulated room camera of the demo: arm, bed and patient drawn into a canvas that is sent as
// video instead of a camera.

import { drawScene } from "../ui/view3d.js";

const FPS = 5;

export class RoomView {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.canvas.width = 480;
    this.canvas.height = 270;
    this.telemetry = null;
    this.timer = 0;
  }

  /** The video track; drawing starts with the first call. */
  track() {
    if (!this.timer) {
      this.draw();
      this.timer = setInterval(() => this.draw(), 1000 / FPS);
    }
    return this.canvas.captureStream(FPS).getVideoTracks()[0];
  }

  draw() {
    const context = this.canvas.getContext("2d");
    drawScene(this.canvas, this.telemetry, { zoom: 1, fit: false });
    context.globalCompositeOperation = "destination-over";
    context.fillStyle = "#141d26";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.globalCompositeOperation = "source-over";
  }
}
