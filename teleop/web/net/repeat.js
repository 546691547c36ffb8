// On a single link each command goes out a second time, a little later (transport/repeat.py): one
// lost packet must not cost a slot of the watchdog. The copy is the message and one more byte.

import { REPEAT_MARK } from "../generated/schema.js";

/** The second copy of a message, as it is sent. */
export function marked(bytes) {
  const copy = new Uint8Array(bytes.length + 1);
  copy.set(bytes);
  copy[bytes.length] = REPEAT_MARK;
  return copy;
}

/** What arrived (an ArrayBuffer), and whether it is a second copy of a message of `size` bytes. */
export function unmarked(buffer, size) {
  if (buffer.byteLength !== size + 1) return { message: buffer, again: false };
  if (new Uint8Array(buffer)[size] !== REPEAT_MARK) return { message: buffer, again: false };
  return { message: buffer.slice(0, size), again: true };
}

/** Gives the newest message to `send` again after `afterMs` (0: never), if no newer one came. */
export class Repeat {
  constructor(send) {
    this.send = send;
    this.afterMs = 0;
    this.timer = 0;
  }

  /** `bytes` went out for the first time; `wanted`: it is to go out again. */
  sent(bytes, wanted) {
    clearTimeout(this.timer); // What was overtaken is not repeated: one timer at most.
    if (wanted && this.afterMs > 0) this.timer = setTimeout(() => this.send(marked(bytes)), this.afterMs);
  }
}
