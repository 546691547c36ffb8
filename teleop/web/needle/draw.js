// The needle's work over the picture: guide line, planned path, marks, axis tip, seen tips.

import { atDepth, depthOf, toPixels } from "./geometry.js";

const PLAN = "#4cc2ff";
const SEEN = "#45d69a";
const AVOID = { vessel: "#ff6b6b", bone: "#ffd34d" };
const TARGET_RADIUS_M = 0.005;
const GUIDE_TO_M = 0.16;

function line(context, from, to) {
  context.beginPath();
  context.moveTo(from.x, from.y);
  context.lineTo(to.x, to.y);
  context.stroke();
}

function ring(context, at, radius) {
  context.beginPath();
  context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  context.stroke();
}

function cross(context, at, size) {
  line(context, { x: at.x - size, y: at.y }, { x: at.x + size, y: at.y });
  line(context, { x: at.x, y: at.y - size }, { x: at.x, y: at.y + size });
}

/** Draw into picture pixels; `pixel` is one screen pixel. */
export function drawNeedle(context, pixel, state, work) {
  if (!(state.mm_per_px > 0) || !work.guide) return;
  const px = (point) => toPixels(state, point);
  const perM = 1000 / state.mm_per_px;
  context.lineWidth = 1.5 * pixel;
  context.strokeStyle = PLAN;
  context.setLineDash([6 * pixel, 6 * pixel]);
  line(context, px(atDepth(work.guide, 0)), px(atDepth(work.guide, GUIDE_TO_M)));
  context.setLineDash([]);
  const target = work.targetNow ?? work.target; // Needle out: it moves when the guide turns.
  if (work.entry && target) line(context, px(work.entry), px(target));
  if (target) {
    ring(context, px(target), TARGET_RADIUS_M * perM);
    cross(context, px(target), 5 * pixel);
    const foot = atDepth(work.guide, depthOf(work.guide, target));
    ring(context, px(foot), 3 * pixel);
  }
  if (work.entry) cross(context, px(work.entry), 7 * pixel);
  for (const mark of work.avoid) {
    context.strokeStyle = AVOID[mark.kind];
    ring(context, px([mark.x_m, mark.z_m]), mark.radius_m * perM);
  }
  context.strokeStyle = SEEN;
  if (work.depth > 0) cross(context, px(atDepth(work.guide, work.depth)), 8 * pixel);
  work.tips.forEach((tip, i) => {
    ring(context, px(tip), 3 * pixel);
    if (i > 0) line(context, px(work.tips[i - 1]), px(tip));
  });
  if (work.arrival) {
    const at = px(work.arrival);
    context.setLineDash([2 * pixel, 4 * pixel]);
    if (work.tips.length > 0) line(context, px(work.tips[work.tips.length - 1]), at);
    context.setLineDash([]);
    ring(context, at, 5 * pixel);
  }
  if (work.cursor) {
    context.strokeStyle = "#ffffff";
    cross(context, work.cursor, 10 * pixel);
  }
}
