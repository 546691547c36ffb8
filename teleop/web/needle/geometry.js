// Needle guide and picture: probe frame (x right, z into the patient, metres) to picture pixels.

import { faceRow } from "../ui/marks.js";

export function toPixels(state, [x, z]) {
  const perM = 1000 / state.mm_per_px;
  return { x: state.apex_x_px + x * perM, y: faceRow(state) + z * perM };
}

export function toMetres(state, point) {
  const m = state.mm_per_px / 1000;
  return [(point.x - state.apex_x_px) * m, (point.y - faceRow(state)) * m];
}

/** The point of the guide's line at a depth from home. */
export function atDepth([homeX, homeZ, axisX, axisZ], depth) {
  return [homeX + depth * axisX, homeZ + depth * axisZ];
}

/** Depth from home of the foot of a point on the guide's line. */
export function depthOf([homeX, homeZ, axisX, axisZ], [x, z]) {
  return (x - homeX) * axisX + (z - homeZ) * axisZ;
}
