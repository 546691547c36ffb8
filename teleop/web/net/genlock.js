// Tells the robot how long pictures wait for this screen, so that it makes them in step with it
// (transport/genlock.py). Browsers that do not say when a picture was received tell nothing.

const PERIOD_MS = 1000;
const MOST = 128;
const FEWEST = 10; // Display frames: a hidden or stopped page has no refresh that could be told.

/** Time between two display frames (ms); frames that were left out count as what they are. */
export function refreshOf(times) {
  const steps = times.slice(1).map((at, i) => at - times[i]);
  const median = [...steps].sort((a, b) => a - b)[steps.length >> 1];
  const frames = steps.reduce((sum, step) => sum + Math.round(step / median), 0);
  return (times.at(-1) - times[0]) / frames;
}

const rounded = (ms) => Math.round(ms * 1000) / 1000;
const within = (value, low, high) => Math.max(low, Math.min(high, value));

export class ScreenReport {
  /** `send({refresh_ms, waits_ms, skipped})` once a second. */
  constructor(send) {
    this.send = send;
    this.frames = [];
    this.waits = [];
    this.skipped = 0;
    this.count = 0; // of pictures given to the screen, shown or not
  }

  /** A picture is shown from `now` on (both as `requestVideoFrameCallback` gives them). */
  picture(now, { receiveTime, processingDuration = 0, presentedFrames = 0 }) {
    if (this.count) this.skipped += Math.max(0, presentedFrames - this.count - 1);
    this.count = presentedFrames;
    if (receiveTime === undefined || this.waits.length >= MOST) return;
    this.waits.push(rounded(within(now - receiveTime - 1000 * processingDuration, -100, 200)));
  }

  /** A display frame begins. */
  frame(now) {
    this.frames.push(now);
    if (now - this.frames[0] < PERIOD_MS) return;
    const { frames, waits } = this;
    const skipped = Math.min(this.skipped, MOST);
    this.frames = [now];
    this.waits = [];
    this.skipped = 0;
    if (frames.length <= FEWEST || waits.length === 0) return;
    const refresh_ms = rounded(within(refreshOf(frames), 2, 50));
    if (Number.isNaN(refresh_ms)) return; // a clock that stood still
    this.send({ refresh_ms, waits_ms: waits, skipped });
  }
}
