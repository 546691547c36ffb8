// A small 3-D view of arm, probe and body on a 2-D canvas (base frame, metres).

import { fitCanvas } from "./dom.js";
import { jointPoints, quaternionMatrix, rotate } from "./kinematics.js";

const AZIMUTH = (-125 * Math.PI) / 180;
const ELEVATION = (24 * Math.PI) / 180;
const CENTRE = [0.36, 0, 0.3];
const BODY = { at: [0.58, 0, 0.16], radius: 0.25, halfX: 0.16, halfY: 0.3 };
const BED_Z = 0.02;

function projector(canvas, zoom) {
  const [ca, sa, ce, se] = [Math.cos(AZIMUTH), Math.sin(AZIMUTH), Math.cos(ELEVATION), Math.sin(ELEVATION)];
  const scale = Math.min(canvas.width / 1.35, canvas.height / 0.98) * zoom;
  return ([x, y, z]) => {
    const [dx, dy, dz] = [x - CENTRE[0], y - CENTRE[1], z - CENTRE[2]];
    const right = -sa * dx + ca * dy;
    const depth = ca * dx + sa * dy;
    const up = ce * dz - se * -depth * -1;
    return [canvas.width / 2 + right * scale, canvas.height / 2 - up * scale];
  };
}

function path(context, points, project) {
  context.beginPath();
  points.forEach((point, i) => {
    const [x, y] = project(point);
    if (i === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
}

function skin(x, y) {
  const dx = x - BODY.at[0];
  return [x, y, BODY.at[2] - (dx * dx) / (2 * BODY.radius)];
}

function drawBody(context, project) {
  const { at, halfX, halfY } = BODY;
  const bed = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([i, j]) => [at[0] + i * 0.24, at[1] + j * (halfY + 0.06), BED_Z]);
  path(context, bed, project);
  context.closePath();
  context.fillStyle = "#1a2530";
  context.fill();
  context.strokeStyle = "#3a4d60";
  context.stroke();
  context.strokeStyle = "#a57c68";
  for (let i = -4; i <= 4; i++) {
    const y = at[1] + (i * halfY) / 4;
    const arc = [];
    for (let j = -8; j <= 8; j++) arc.push(skin(at[0] + (j * halfX) / 8, y));
    path(context, arc, project);
    context.stroke();
  }
  for (let j = -4; j <= 4; j++) {
    const x = at[0] + (j * halfX) / 4;
    path(context, [skin(x, at[1] - halfY), skin(x, at[1] + halfY)], project);
    context.stroke();
  }
}

function drawArm(context, project, q, probe, unit) {
  const points = [...jointPoints(q)];
  context.lineCap = "round";
  context.lineJoin = "round";
  path(context, [...points, probe], project);
  context.strokeStyle = "#5d7287";
  context.lineWidth = 8 * unit;
  context.stroke();
  context.strokeStyle = "#c9d6e2";
  context.lineWidth = 4 * unit;
  context.stroke();
  context.fillStyle = "#ff9d45";
  for (const point of points.slice(1)) {
    const [x, y] = project(point);
    context.beginPath();
    context.arc(x, y, 3 * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawProbe(context, project, position, quaternion, unit) {
  const turn = quaternionMatrix(quaternion);
  const point = (v) => rotate(turn, v).map((value, i) => value + position[i]);
  path(context, [[-0.03, 0, 0], [0.03, 0, 0], [0.012, 0, -0.1], [-0.012, 0, -0.1]].map(point), project);
  context.closePath();
  context.fillStyle = "#4cc2ff";
  context.fill();
  // The image plane below the face, and the marked side (picture left, probe -x).
  path(context, [[-0.03, 0, 0], [-0.08, 0, 0.12], [0.08, 0, 0.12], [0.03, 0, 0]].map(point), project);
  context.closePath();
  context.fillStyle = "rgb(76 194 255 / 22%)";
  context.fill();
  const [x, y] = project(point([-0.034, 0, -0.02]));
  context.fillStyle = "#ffd34d";
  context.beginPath();
  context.arc(x, y, 3.5 * unit, 0, 2 * Math.PI);
  context.fill();
}

/** Draw the scene of `telemetry` (null: only the body) into `canvas`. */
export function drawScene(canvas, telemetry, { zoom = 1, fit = true } = {}) {
  if (fit) fitCanvas(canvas);
  const context = canvas.getContext("2d");
  const unit = canvas.width / 300;
  const project = projector(canvas, zoom);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.lineWidth = unit;
  drawBody(context, project);
  if (!telemetry) return;
  drawProbe(context, project, telemetry.probe_p_m, telemetry.probe_q, unit);
  drawArm(context, project, telemetry.q_rad, telemetry.probe_p_m, unit);
}
