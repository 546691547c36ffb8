// A gamepad: right trigger = deadman, left stick = slide, right stick = tilt, rumble = force.

const PRESS = 0.5;
const RELEASE = 0.35; // Hysteresis: a trigger that trembles counts as one press.
const DEAD_ZONE = 0.15;
const TRIGGERS = [6, 7];

function stick(value) {
  const size = Math.abs(value ?? 0);
  return size < DEAD_ZONE ? 0 : (Math.sign(value) * (size - DEAD_ZONE)) / (1 - DEAD_ZONE);
}

/** Polled with every input sample; losing it releases the deadman. */
export class GamepadInput {
  constructor(deadman, read = () => navigator.getGamepads()) {
    this.deadman = deadman;
    this.read = read;
    this.index = -1;
    this.pressed = false;
    this.lastRumble = -Infinity;
    window.addEventListener("gamepaddisconnected", (event) => {
      if (event.gamepad.index === this.index) this.lost();
    });
  }

  lost() {
    this.index = -1;
    this.pressed = false;
    this.deadman.set("gamepad", false);
    this.deadman.release("gamepad_lost");
  }

  find() {
    const pads = [...this.read()];
    if (this.index < 0) {
      const found = pads.find((pad) => pad?.connected);
      // A trigger that is already pulled when the pad appears must be let go first.
      if (found && !TRIGGERS.some((i) => (found.buttons[i]?.value ?? 0) > RELEASE)) {
        this.index = found.index;
      }
    }
    return this.index < 0 ? null : (pads[this.index] ?? null);
  }

  /** Axes like MotionKeys.axes(), or null without a gamepad. */
  poll() {
    const pad = this.find();
    if (this.index >= 0 && !pad?.connected) this.lost();
    if (!pad) return null;
    const pull = Math.max(...TRIGGERS.map((i) => pad.buttons[i]?.value ?? 0));
    const pressed = this.pressed ? pull > RELEASE : pull > PRESS;
    if (pressed !== this.pressed) {
      this.pressed = pressed;
      this.deadman.set("gamepad", pressed);
    }
    const [lx, ly, rx, ry] = pad.axes.map(stick);
    const height = (pad.buttons[4]?.pressed ? -1 : 0) + (pad.buttons[5]?.pressed ? 1 : 0);
    return { linear: [lx ?? 0, ly ?? 0, height], angular: [ry ?? 0, rx ?? 0, 0] };
  }

  /** Let the pad tremble with the force (0..1), at most every 80 ms. */
  rumble(strength, now) {
    if (this.index < 0 || now - this.lastRumble < 80 || strength < 0.02) return;
    this.lastRumble = now;
    const actuator = this.read()[this.index]?.vibrationActuator;
    actuator
      ?.playEffect("dual-rumble", { duration: 100, weakMagnitude: strength, strongMagnitude: 0 })
      .catch((error) => console.warn("the gamepad cannot rumble", error));
  }
}
