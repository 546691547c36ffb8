// The expert's hand: position and tilt in the probe's view frame, accumulated since the page was
// opened. It moves only while it may (deadman held and the arm active) and never faster than
// allowed, so that the arm never runs after a hand that has stopped.

const JOG_M_S = 0.02; // One key held: a little above a sonographer's sweep of 13 mm/s.
const JOG_Z_M_S = 0.03;
const JOG_RAD_S = 0.2;
const W_MAX_RAD_S = 0.5;
const RISE_S = 0.12; // Smooth start of key and stick motion.
const DRAG_S = 0.05; // The hand closes in on the pointer with this time constant.
const DRAG_BACKLOG_S = 0.1; // Faster drags are cut: no more than this much motion is kept.

function clampLength(values, most) {
  const length = Math.hypot(...values);
  return length > most ? values.map((value) => (value * most) / length) : values;
}

export class Hand {
  constructor() {
    this.p = [0, 0, 0];
    this.r = [0, 0, 0];
    this.v = [0, 0, 0];
    this.w = [0, 0, 0];
    this.jogV = [0, 0, 0];
    this.jogW = [0, 0, 0];
    this.drag = [0, 0, 0]; // What the pointer moved and the hand has not yet followed (m).
    this.scale = 1;
    this.vMax = 0.1;
  }

  /** Pointer motion in metres (already scaled to the picture). */
  dragged(x, y) {
    this.drag = [this.drag[0] + x * this.scale, this.drag[1] + y * this.scale, 0];
    this.drag = clampLength(this.drag, this.vMax * DRAG_BACKLOG_S);
  }

  stop() {
    for (const part of [this.v, this.w, this.jogV, this.jogW, this.drag]) part.fill(0);
  }

  /** Advance by `dt` seconds. `axes` as from MotionKeys; `moving` false: the hand rests. */
  step(dt, axes, moving) {
    if (!moving || dt <= 0) {
      this.stop();
      return;
    }
    const rise = Math.min(1, dt / RISE_S);
    const goal = axes.linear.map((a, i) => a * (i === 2 ? JOG_Z_M_S : JOG_M_S) * this.scale);
    const turn = axes.angular.map((a) => a * JOG_RAD_S * Math.min(this.scale, 1));
    // Starting is smooth, stopping is at once.
    this.jogV = goal.map((g, i) => (g === 0 ? 0 : this.jogV[i] + (g - this.jogV[i]) * rise));
    this.jogW = turn.map((g, i) => (g === 0 ? 0 : this.jogW[i] + (g - this.jogW[i]) * rise));
    const follow = Math.min(1, dt / DRAG_S);
    const dragV = this.drag.map((d) => (d * follow) / dt);
    this.v = clampLength(this.jogV.map((value, i) => value + dragV[i]), this.vMax);
    this.w = clampLength([...this.jogW], W_MAX_RAD_S);
    this.drag = this.drag.map((d) => d * (1 - follow));
    this.p = this.p.map((value, i) => value + this.v[i] * dt);
    this.r = this.r.map((value, i) => value + this.w[i] * dt);
  }
}
