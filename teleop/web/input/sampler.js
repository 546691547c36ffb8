// Samples the expert's input 200 times a second on the page's main thread and sends each sample as
// a safety frame. The heartbeat echo is taken at the moment of sampling: a page that hangs sends
// nothing, and nothing it sends can look fresher than its input.

import { FLAG_DEADMAN } from "../generated/schema.js";
import { pack } from "../net/frame.js";

const PERIOD_MS = 4.8; // A little under 5 ms, so that the mean stays at 200 Hz or more.
const GIVE_UP_MS = 20; // Later than this: no catching up with a burst.
const DWELL_MAX_US = 100_000;
const SEQ_STEP_PER_MS = 1000; // Wall-clock start of the sequence: newer than any earlier page's.

const NO_NEEDLE = { on: false, v: 0, w: 0, step() {} };
const NO_FRAME = { id: 0, since: Infinity };

/** Calls `tick(now)` every PERIOD_MS; a message between timers avoids the browser's 4 ms floor. */
export class Ticker {
  constructor(tick, now = () => performance.now()) {
    this.tick = tick;
    this.now = now;
    this.due = 0;
    this.running = false;
    this.channel = new MessageChannel();
    this.channel.port1.onmessage = () => this.wait();
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.due = this.now();
    this.run();
  }

  stop() {
    this.running = false;
  }

  wait() {
    const rest = this.due - this.now();
    if (rest <= 0.3) this.run();
    else setTimeout(() => this.run(), rest);
  }

  run() {
    if (!this.running) return;
    const now = this.now();
    this.due = now - this.due > GIVE_UP_MS ? now + PERIOD_MS : this.due + PERIOD_MS;
    this.tick(now);
    this.channel.port2.postMessage(0);
  }
}

/** Composes and sends safety frames from the parts of the console. */
export class Sampler {
  constructor({ command, video, deadman, hand, readAxes, rendered, may, sign, needle = NO_NEEDLE }) {
    Object.assign(this, { command, video, deadman, hand, readAxes, rendered, may, sign, needle });
    this.session = 0;
    this.limitsHash = 0;
    this.forceRefN = 5;
    this.seq = Date.now() * SEQ_STEP_PER_MS;
    this.last = 0;
    this.samples = 0;
    this.ticker = new Ticker((now) => this.sample(now));
  }

  start(welcome) {
    this.session = welcome.session;
    this.limitsHash = welcome.limits_hash;
    this.ticker.start();
  }

  stop() {
    this.ticker.stop();
  }

  sample(now) {
    const beat = this.command.heartbeat;
    const axes = this.readAxes(now);
    const dt = Math.min((now - this.last) / 1000, 0.02);
    this.last = now;
    const moving = this.deadman.held && this.may.move();
    this.needle.step(axes, moving);
    this.hand.step(dt, axes, moving && !this.needle.on);
    this.samples += 1;
    if (!beat || !this.may.send()) return;
    const frame = pack(this.compose(beat, now));
    if (this.sign(frame)) this.command.transmit(frame); // Guard takes nothing unsigned.
  }

  compose(beat, now) {
    const frame = this.video.frame ?? NO_FRAME;
    const rendered = this.rendered();
    this.seq += 1;
    return {
      session: this.session,
      epoch: beat.epoch,
      seq: this.seq,
      echo_ns: beat.stampNs,
      echo_nonce: beat.nonce,
      frame_id: frame.id,
      dwell_us: Math.round(Math.max(0, Math.min(DWELL_MAX_US, (now - frame.since) * 1000))),
      haptic_echo_us: rendered.stampUs % 2 ** 32,
      haptic_dwell_us: Math.round(Math.max(0, Math.min(1e9, (now - rendered.at) * 1000))),
      flags: this.deadman.held ? FLAG_DEADMAN : 0,
      mode: this.needle.on ? 1 : 0,
      deadman_edges: this.deadman.edges,
      hand_p_m: this.hand.p,
      hand_r_rad: this.hand.r,
      hand_v_m_s: this.hand.v,
      hand_w_rad_s: this.needle.on ? [0, this.needle.w, 0] : this.hand.w,
      force_ref_n: this.forceRefN,
      needle_v_m_s: this.needle.on ? this.needle.v : 0,
      limits_hash: this.limitsHash,
    };
  }
}
