// The safety frame: an expert's command as 124 fixed bytes (safety/frame.py is the original;
// the layout comes from the generated schema). Heartbeats are read here too.

import {
  FRAME_BYTES,
  FRAME_FIELDS,
  FRAME_MAGIC,
  FRAME_TYPE_COMMAND,
  FRAME_VERSION,
  HEARTBEAT_BYTES,
  HEARTBEAT_MAGIC,
  V_UNIT_M_S,
  W_UNIT_RAD_S,
} from "../generated/schema.js";
import { crc32 } from "./crc32.js";

const WRITERS = {
  B: (view, at, value) => view.setUint8(at, value),
  H: (view, at, value) => view.setUint16(at, value, true),
  I: (view, at, value) => view.setUint32(at, value, true),
  Q: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  f: (view, at, value) => view.setFloat32(at, value, true),
  h: (view, at, value) => view.setInt16(at, value, true),
};
const STEP = { f: 4, h: 2 };
const OFFSET = Object.fromEntries(FRAME_FIELDS.map(([name, , at]) => [name, at]));

function units(values, unit) {
  return values.map((value) => Math.max(-32767, Math.min(32767, roundHalfEven(value / unit))));
}

// Python rounds halves to even; the golden test compares every byte.
function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Write a frame into `bytes` (124 long, reused between calls) and return it.
 * `frame` has the fields of `SafetyFrame`; epoch, seq and echo_ns may be BigInt.
 */
export function pack(frame, bytes = new Uint8Array(FRAME_BYTES)) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_BYTES);
  const values = {
    ...frame,
    magic: FRAME_MAGIC,
    version: FRAME_VERSION,
    type: FRAME_TYPE_COMMAND,
    hand_v: units(frame.hand_v_m_s, V_UNIT_M_S),
    hand_w: units(frame.hand_w_rad_s, W_UNIT_RAD_S),
  };
  for (const [name, code, at] of FRAME_FIELDS) {
    if (name === "crc" || name === "tag") continue;
    const kind = code.at(-1);
    if (code.length === 1) WRITERS[kind](view, at, values[name]);
    else values[name].forEach((value, i) => WRITERS[kind](view, at + i * STEP[kind], value));
  }
  view.setUint32(OFFSET.crc, crc32(bytes, OFFSET.crc), true);
  bytes.fill(0, OFFSET.tag);
  return bytes;
}

/** Heartbeat bytes -> {number, stampNs, nonce, epoch} (BigInt: stampNs, epoch), or null: none. */
export function readHeartbeat(buffer) {
  if (buffer.byteLength !== HEARTBEAT_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint16(0, true) !== HEARTBEAT_MAGIC) return null;
  return {
    number: view.getUint16(2, true),
    stampNs: view.getBigUint64(4, true),
    nonce: view.getUint32(12, true),
    epoch: view.getBigUint64(16, true),
  };
}
