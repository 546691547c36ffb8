// Alarm sounds by priority (reference: IEC 60601-1-8 style, no conformity claimed): a fundamental
// between 150 and 1000 Hz with harmonics; high = two groups of five pulses, medium = three, low =
// two. Made in the page, so that they also sound without a network.

const PATTERNS = {
  HIGH: { hz: 784, every: 4, pulses: [0, 0.16, 0.32, 0.6, 0.76, 1.4, 1.56, 1.72, 2.0, 2.16], length: 0.12 },
  MEDIUM: { hz: 523, every: 7, pulses: [0, 0.28, 0.56], length: 0.2 },
  LOW: { hz: 392, every: 18, pulses: [0, 0.35], length: 0.22 },
};
const STANDS_MS = 250; // A device that stands for so long is silent; told with the next beat.
const HARMONICS = new Float32Array([0, 1, 0.7, 0.6, 0.5, 0.45, 0.4]);
const RANK = { NONE: 0, LOW: 1, MEDIUM: 2, HIGH: 3 };

export class AlarmSound {
  constructor() {
    this.context = null;
    this.priority = "NONE";
    this.nextAt = 0;
    this.pausedUntil = 0; // performance.now() ms
    this.lastTime = -1;
    this.advancedAt = -Infinity;
    this.bursts = 0;
  }

  /** Call from a click: opens the sound and plays a test tone. True: sound runs. */
  async unlock() {
    try {
      this.context ??= new AudioContext({ latencyHint: "interactive" });
      this.gain ??= this.output();
      await this.context.resume();
    } catch (error) {
      console.error("no sound", error);
      return false;
    }
    if (!this.running) return false;
    this.pulse(660, this.context.currentTime + 0.02, 0.15);
    this.pulse(880, this.context.currentTime + 0.2, 0.2);
    return true;
  }

  output() {
    this.wave = this.context.createPeriodicWave(new Float32Array(HARMONICS.length), HARMONICS);
    const gain = this.context.createGain();
    gain.gain.value = 0.5;
    gain.connect(this.context.destination);
    return gain;
  }

  get running() {
    return this.context?.state === "running";
  }

  /**
   * True while the sound device really advances. `now`: performance.now() ms, about 10 times a
   * second; two late ticks may fall into one block of sound, which says nothing.
   */
  sounding(now) {
    const time = this.context?.currentTime ?? this.lastTime;
    if (time > this.lastTime) this.advancedAt = now;
    this.lastTime = time;
    if (!this.running) this.advancedAt = -Infinity; // It has to advance again.
    return now - this.advancedAt < STANDS_MS;
  }

  pulse(hz, at, length) {
    const source = this.context.createOscillator();
    source.setPeriodicWave(this.wave);
    source.frequency.value = hz;
    const shape = this.context.createGain();
    shape.gain.setValueAtTime(0, at);
    shape.gain.linearRampToValueAtTime(0.5, at + 0.02);
    shape.gain.setValueAtTime(0.5, at + length - 0.03);
    shape.gain.linearRampToValueAtTime(0, at + length);
    source.connect(shape).connect(this.gain);
    source.start(at);
    source.stop(at + length + 0.01);
  }

  /** Audio paused: silent for `seconds`, unless a higher priority comes. */
  pause(seconds, now) {
    this.pausedUntil = now + seconds * 1000;
  }

  pausedFor(now) {
    return Math.max(0, Math.ceil((this.pausedUntil - now) / 1000));
  }

  /** Say which priority is active; call about 10 times a second. */
  update(priority, now) {
    if (RANK[priority] > RANK[this.priority]) {
      this.nextAt = 0; // A new or higher alarm sounds at once and ends a pause.
      this.pausedUntil = 0;
    }
    this.priority = priority;
    const pattern = PATTERNS[priority];
    if (!pattern || !this.running || now < this.pausedUntil || now < this.nextAt) return;
    this.nextAt = now + pattern.every * 1000;
    this.bursts += 1;
    const start = this.context.currentTime + 0.02;
    for (const at of pattern.pulses) this.pulse(pattern.hz, start + at, pattern.length);
  }
}

/** A soft tone whose pitch follows the force (console, when switched on). */
export class ForceTone {
  constructor(alarm) {
    this.alarm = alarm;
    this.on = false;
  }

  update(forceN, touching) {
    const context = this.alarm.context;
    if (!this.on || !this.alarm.running) {
      this.gain?.gain.setTargetAtTime(0, context.currentTime, 0.02);
      return;
    }
    if (!this.gain) {
      this.gain = context.createGain();
      this.gain.gain.value = 0;
      this.source = context.createOscillator();
      this.source.connect(this.gain).connect(context.destination);
      this.source.start();
    }
    const hz = 220 * 2 ** (Math.max(0, Math.min(25, forceN)) / 10);
    this.source.frequency.setTargetAtTime(hz, context.currentTime, 0.02);
    this.gain.gain.setTargetAtTime(touching ? 0.06 : 0, context.currentTime, 0.03);
  }
}
