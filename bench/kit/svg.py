"""Plots as inline SVG: cumulative distributions, time lines, histograms. No script, no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.kit.model import Band, Series
from bench.kit.stats import percentile

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 14, 34
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#a08000")
"""Okabe and Ito's palette: told apart by colour-blind readers; labels stand beside as well."""
MOST_POINTS = 1200
LANE_PX = 18
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values onto pixels."""

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool = False

    def px(self, value: float) -> float:
        """Pixel of a value, clipped to the axis."""
        value = min(max(value, self.low), self.high)
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start_px + (value - low) / (high - low) * (self.end_px - self.start_px)

    def ticks(self) -> list[float]:
        """Round values to label."""
        if self.log:
            found = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
            return [v for v in found if self.low <= v <= self.high]
        step = 10.0 ** math.floor(math.log10(max(self.high - self.low, 1e-12) / 2))
        while (self.high - self.low) / step > 6:
            step *= 2 if round(step / 10 ** math.floor(math.log10(step))) in (1, 5) else 2.5
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 10) for i in range(first, last + 1)]


def _axis_of(values: Sequence[float], start_px: float, end_px: float) -> Axis:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return Axis(low, high, start_px, end_px)


def _frame(x: Axis, y: Axis, x_label: str, y_label: str, height: int) -> list[str]:
    bottom = height - BOTTOM
    out = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" '
           f'height="{bottom - TOP}" class="plot"/>']  # fmt: skip
    for tick in x.ticks():
        px = x.px(tick)
        out.append(f'<line x1="{px:.1f}" y1="{TOP}" x2="{px:.1f}" y2="{bottom}" class="grid"/>')
        out.append(f'<text x="{px:.1f}" y="{bottom + 14}" class="tick mid">{tick:g}</text>')
    for tick in y.ticks():
        py = y.px(tick)
        out.append(f'<line x1="{LEFT}" y1="{py:.1f}" x2="{WIDTH - RIGHT}" y2="{py:.1f}" '
                   f'class="grid"/><text x="{LEFT - 5}" y="{py + 4:.1f}" '
                   f'class="tick end">{tick:g}</text>')  # fmt: skip
    middle = (LEFT + WIDTH - RIGHT) / 2
    out.append(f'<text x="{middle}" y="{height - 4}" class="mid">{escape(x_label)}</text>')
    out.append(f'<text transform="translate(12 {(TOP + bottom) / 2}) rotate(-90)" '
               f'class="mid">{escape(y_label)}</text>')  # fmt: skip
    return out


def _line(points: Sequence[Point], colour: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _legend(names: Sequence[str]) -> list[str]:
    out = []
    for index, name in enumerate(names):
        y = TOP + 10 + 16 * index
        colour = COLOURS[index % len(COLOURS)]
        out.append(f'<rect x="{WIDTH - RIGHT + 8}" y="{y - 7}" width="10" height="4" '
                   f'fill="{colour}"/><text x="{WIDTH - RIGHT + 22}" y="{y}">'
                   f"{escape(name)}</text>")  # fmt: skip
    return out


def _svg(parts: Sequence[str], label: str, height: int = HEIGHT) -> str:
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
            + "".join(parts) + "</svg>")  # fmt: skip


def cdf(curves: Sequence[tuple[str, Series]], label: str) -> str:
    """Cumulative distributions; a curve that ends below 100 % has missing samples."""
    curves = [(name, s) for name, s in curves if s.values]
    if not curves:
        return ""
    everything = [v for _, s in curves for v in s.values]
    low, high = min(everything), max(everything)
    log = low > 0 and high / low > 50
    span = Axis(low, high, 0, 1) if high > low else Axis(low - 0.5, high + 0.5, 0, 1)
    x = Axis(span.low, span.high, LEFT, WIDTH - RIGHT, log)
    y = Axis(0.0, 100.0, HEIGHT - BOTTOM, TOP)
    parts = _frame(x, y, curves[0][1].unit, "samples %", HEIGHT)
    for index, (_, series) in enumerate(curves):
        parts.append(_line(_cdf_points(series, x, y), COLOURS[index % len(COLOURS)]))
    limits = {
        s.line_at for _, s in curves if s.line_at is not None and x.low <= s.line_at <= x.high
    }
    for limit in sorted(limits):
        px = x.px(limit)
        parts.append(f'<line x1="{px:.1f}" y1="{TOP}" x2="{px:.1f}" y2="{HEIGHT - BOTTOM}" '
                     f'class="limit"/>')  # fmt: skip
    return _svg([*parts, *_legend([name for name, _ in curves])], label)


def _cdf_points(series: Series, x: Axis, y: Axis) -> list[Point]:
    ordered, count = sorted(series.values), len(series.values) + series.missing
    step = max(1, len(ordered) // MOST_POINTS)
    picked = sorted(
        {*range(0, len(ordered), step), *range(max(0, len(ordered) - 20), len(ordered))}
    )
    return [(x.px(ordered[i]), y.px(100.0 * (i + 1) / count)) for i in picked]


def timeline(series: Sequence[Series], bands: Sequence[Band], label: str) -> str:
    """Values over time, one unit, with labelled spans below; peaks survive the thinning."""
    drawn = [s for s in series if s.at_s and s.values]
    lanes = list(dict.fromkeys(band.lane for band in bands))
    if not drawn and not bands:
        return ""
    height = HEIGHT + LANE_PX * len(lanes) if drawn else BOTTOM + TOP + LANE_PX * len(lanes)
    plot_bottom = height - BOTTOM - LANE_PX * len(lanes)
    times = [t for s in drawn for t in (s.at_s[0], s.at_s[-1])]
    times += [t for band in bands for t in (band.start_s, band.end_s)]
    x = _axis_of(times, LEFT, WIDTH - RIGHT)
    parts: list[str] = []
    if drawn:
        y = _axis_of([0.0, *(v for s in drawn for v in s.values)], plot_bottom, TOP)
        parts += _frame(x, y, "s", drawn[0].unit, height)
        for index, one in enumerate(drawn):
            parts.append(_line(_thinned(one, x, y), COLOURS[index % len(COLOURS)]))
            if one.line_at is not None and y.low <= one.line_at <= y.high:
                py = y.px(one.line_at)
                parts.append(f'<line x1="{LEFT}" y1="{py:.1f}" x2="{WIDTH - RIGHT}" '
                             f'y2="{py:.1f}" class="limit"/>')  # fmt: skip
        parts += _legend([s.name for s in drawn])
    parts += _bands(bands, lanes, x, plot_bottom)
    return _svg(parts, label, height)


def _thinned(series: Series, x: Axis, y: Axis) -> list[Point]:
    """Lowest and highest value of each bin, in order of time."""
    count = len(series.values)
    size = max(1, 2 * count // MOST_POINTS)
    picked: list[int] = []
    for start in range(0, count, size):
        part = range(start, min(count, start + size))
        picked += sorted({min(part, key=series.values.__getitem__),
                          max(part, key=series.values.__getitem__)})  # fmt: skip
    return [(x.px(series.at_s[i]), y.px(series.values[i])) for i in picked]


def _bands(bands: Sequence[Band], lanes: Sequence[str], x: Axis, top: float) -> list[str]:
    labels = list(dict.fromkeys(band.label for band in bands))
    out = []
    for band in bands:
        y = top + LANE_PX * lanes.index(band.lane) + 2
        left, width = x.px(band.start_s), max(0.5, x.px(band.end_s) - x.px(band.start_s))
        colour = COLOURS[labels.index(band.label) % len(COLOURS)]
        title = escape(f"{band.lane} {band.label} {band.start_s:.3f} to {band.end_s:.3f} s")
        out.append(f'<rect x="{left:.1f}" y="{y:.1f}" width="{width:.1f}" height="{LANE_PX - 4}" '
                   f'fill="{colour}"><title>{title}</title></rect>')  # fmt: skip
        if width > 8 * len(band.label):
            out.append(f'<text x="{left + 4:.1f}" y="{y + 11:.1f}" class="band">'
                       f"{escape(band.label)}</text>")  # fmt: skip
    out += [f'<text x="{WIDTH - RIGHT + 8}" y="{top + LANE_PX * i + 14:.1f}">{escape(lane)}</text>'
            for i, lane in enumerate(lanes)]  # fmt: skip
    return out


def histogram(series: Series, label: str, bins: int = 40) -> str:
    """Counts between the lowest value and the 99.9th percentile; the rest is in the last bin."""
    if len(series.values) < 2:
        return ""
    low, high = min(series.values), percentile(series.values, 99.9)
    if high <= low:
        return ""
    counts = [0] * bins
    for value in series.values:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    x = Axis(low, high, LEFT, WIDTH - RIGHT)
    y = Axis(0.0, float(max(counts)), HEIGHT - BOTTOM, TOP)
    parts = _frame(x, y, series.unit, "samples", HEIGHT)
    wide = (WIDTH - LEFT - RIGHT) / bins
    for index, count in enumerate(counts):
        top = y.px(count)
        parts.append(f'<rect x="{LEFT + index * wide:.1f}" y="{top:.1f}" width="{wide - 1:.1f}" '
                     f'height="{HEIGHT - BOTTOM - top:.1f}" fill="{COLOURS[0]}"/>')  # fmt: skip
    return _svg([*parts, *_legend([series.name])], label)
