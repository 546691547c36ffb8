// Telemetry: the MessagePack array (data channel) or JSON array (Status) as one named object.

import { Cause, LINK_FIELDS, State, TELEMETRY_FIELDS } from "../generated/schema.js";
import { decode } from "./msgpack.js";

const UNKNOWN = -1000; // What the gateway sends for a number that nobody knows now.

const NAMES = new Map();

/** Name of `value` in an enum of the schema, or `String(value)` for a newer peer. */
export function nameOf(cls, value) {
  let names = NAMES.get(cls);
  if (!names) NAMES.set(cls, (names = new Map(Object.entries(cls).map(([k, v]) => [v, k]))));
  return names.get(value) ?? String(value);
}

/** Array in schema order -> object; null when it is too short. Longer is a newer peer: fine. */
export function fromArray(values) {
  if (!Array.isArray(values) || values.length < TELEMETRY_FIELDS.length) return null;
  const telemetry = {};
  TELEMETRY_FIELDS.forEach((name, i) => {
    telemetry[name] = values[i] === UNKNOWN ? NaN : values[i];
  });
  telemetry.stateName = nameOf(State, telemetry.state);
  telemetry.linkStates = (telemetry.links ?? []).map((values) =>
    Object.fromEntries(LINK_FIELDS.map((name, i) => [name, values[i]])),
  );
  telemetry.causeName = nameOf(Cause, telemetry.first_out);
  return telemetry;
}

/** Bytes of the data channel -> object, or null when they are not telemetry. */
export function fromBytes(buffer) {
  try {
    return fromArray(decode(buffer));
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}
