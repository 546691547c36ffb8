// Callipers: distances in mm between points of the picture (picture pixels).

const COLOURS = ["#4cc2ff", "#ffd34d"];
const MOST = COLOURS.length;

/** Distance of two picture points in mm; NaN where the source has no scale. */
export function distanceMm(a, b, mmPerPx) {
  return mmPerPx > 0 ? Math.hypot(a.x - b.x, a.y - b.y) * mmPerPx : NaN;
}

export class Callipers {
  constructor(mmPerPx) {
    this.mmPerPx = mmPerPx;
    this.lines = [];
    this.open = null;
    this.active = false;
  }

  clear() {
    this.lines = [];
    this.open = null;
  }

  down(point) {
    if (this.lines.length >= MOST) this.lines.shift();
    this.open = { a: point, b: point };
    this.lines.push(this.open);
  }

  move(point) {
    if (this.open) this.open.b = point;
  }

  up() {
    this.open = null;
  }

  /** Move the end of the newest line by keys (picture pixels). */
  nudge(dx, dy) {
    const line = this.lines.at(-1);
    if (line) line.b = { x: line.b.x + dx, y: line.b.y + dy };
  }

  distances() {
    return this.lines.map((line) => distanceMm(line.a, line.b, this.mmPerPx()));
  }

  draw(context, pixel) {
    this.lines.forEach((line, i) => {
      context.strokeStyle = COLOURS[i];
      context.fillStyle = COLOURS[i];
      context.lineWidth = 1.5 * pixel;
      context.setLineDash([4 * pixel, 4 * pixel]);
      context.beginPath();
      context.moveTo(line.a.x, line.a.y);
      context.lineTo(line.b.x, line.b.y);
      context.stroke();
      context.setLineDash([]);
      for (const end of [line.a, line.b]) this.cross(context, end, 6 * pixel);
      context.font = `bold ${14 * pixel}px system-ui, sans-serif`;
      context.textAlign = "left";
      context.textBaseline = "bottom";
      context.fillText(`${i + 1}`, line.b.x + 8 * pixel, line.b.y - 4 * pixel);
    });
  }

  cross(context, point, size) {
    context.beginPath();
    context.moveTo(point.x - size, point.y);
    context.lineTo(point.x + size, point.y);
    context.moveTo(point.x, point.y - size);
    context.lineTo(point.x, point.y + size);
    context.stroke();
  }
}
