// What is drawn over the picture, in picture pixels: depth scale, orientation mark, body mark.

const VIEW_HALF_RAD = Math.PI / 6; // Convex sector of 60 degrees (robot_sim/ultrasound/geometry.py).
const MARGIN_PX = 8;
const INK = "#e9eef4";

/** Where a picture of width x height lies inside `element` (object-fit: contain), CSS pixels. */
export function visibleRect(element, width, height) {
  const scale = Math.min(element.clientWidth / width, element.clientHeight / height) || 1;
  return {
    scale,
    left: (element.clientWidth - width * scale) / 2,
    top: (element.clientHeight - height * scale) / 2,
  };
}

/** Row of the probe face at its centre: where depth is zero. */
export function faceRow(state) {
  if (state.apex_y_px >= 0) return 0;
  const radius = (MARGIN_PX - state.apex_y_px) / Math.cos(VIEW_HALF_RAD);
  return state.apex_y_px + radius;
}

/** The mark is at the left of the picture: the marked side of the probe. */
export function drawOrientation(context) {
  context.beginPath();
  context.arc(22, 22, 9, 0, 2 * Math.PI);
  context.fillStyle = "#ffd34d";
  context.fill();
  context.fillStyle = "#000";
  context.font = "bold 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText("M", 22, 22.5);
}

/** Depth in cm at the right edge; nothing where the source has no scale. */
export function drawScaleBar(context, state, width, height) {
  if (!(state.mm_per_px > 0)) return;
  const zero = faceRow(state);
  const perMm = 1 / state.mm_per_px;
  context.strokeStyle = INK;
  context.fillStyle = INK;
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.lineWidth = 1;
  const deepest = Math.min(state.depth_m * 1000 || Infinity, (height - 4 - zero) * state.mm_per_px);
  for (let mm = 0; mm <= deepest + 1e-6; mm += 5) {
    const y = zero + mm * perMm;
    const long = mm % 50 === 0;
    const size = long ? 12 : mm % 10 === 0 ? 8 : 4;
    context.beginPath();
    context.moveTo(width - 4, y);
    context.lineTo(width - 4 - size, y);
    context.stroke();
    if (long) context.fillText(`${mm / 10} cm`, width - 20, Math.max(y, 8));
  }
}

const SPOTS = { epigastric: [0, -0.25], right: [-0.5, -0.1], left: [0.5, -0.1], lower: [0, 0.6] };

/** Names of body marks, for the selection. */
export const BODY_MARKS = ["none", ...Object.keys(SPOTS)];

/** A torso with the probe's place (patient seen from the front: their right is at our left). */
export function drawBodyMark(context, name, height) {
  const spot = SPOTS[name];
  if (!spot) return;
  const [x, y, w, h] = [48, height - 62, 26, 40];
  context.strokeStyle = INK;
  context.lineWidth = 1.5;
  context.beginPath();
  context.arc(x, y - h - 9, 8, 0, 2 * Math.PI);
  context.moveTo(x - w, y - h + 4);
  context.bezierCurveTo(x - w * 0.6, y - h * 0.2, x - w * 0.7, y + h * 0.4, x - w * 0.8, y + h);
  context.moveTo(x + w, y - h + 4);
  context.bezierCurveTo(x + w * 0.6, y - h * 0.2, x + w * 0.7, y + h * 0.4, x + w * 0.8, y + h);
  context.moveTo(x - w, y - h + 4);
  context.lineTo(x + w, y - h + 4);
  context.stroke();
  context.fillStyle = "#4cc2ff";
  context.beginPath();
  context.arc(x + spot[0] * w, y + spot[1] * h, 5, 0, 2 * Math.PI);
  context.fill();
}
