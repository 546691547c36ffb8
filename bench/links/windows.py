"""Parts of a trace that hold its interruptions.

A run that is shorter than the trace says nothing about its rare interruptions unless its window is
chosen so that they are inside; every figure names its window.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.links.traces import GRID_MS, Stream

LEAD_MS = 2_000.0
"""Quiet time before the first interruption of a window: start-up must not fall on it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a trace."""

    start_ms: float
    length_ms: float
    interruptions: int
    """Separate episodes above the threshold, over all streams."""
    late: float
    """Share of the time above the threshold on the best stream (what no redundancy can save). The
    usual threshold, a round trip of 100 ms, is 50 ms one way."""


def episodes(samples: list[float], above_ms: float, join_ms: float = 100.0) -> list[float]:
    """Start times (ms) of the episodes above `above_ms`; shorter breaks than `join_ms` join."""
    starts: list[float] = []
    last_ms = -2.0 * join_ms
    for index, value in enumerate(samples):
        if value > above_ms:
            if index * GRID_MS - last_ms > join_ms:
                starts.append(index * GRID_MS)
            last_ms = index * GRID_MS
    return starts


def with_interruptions(
    streams: list[Stream], length_ms: float, above_ms: float = 100.0
) -> list[Window]:
    """Windows of `length_ms` that together hold every interruption of every stream, in order."""
    sampled = [stream.sample() for stream in streams]
    span_ms = min(stream.span_ms for stream in streams)
    starts = sorted(at for samples in sampled for at in episodes(samples, above_ms))
    windows: list[Window] = []
    covered_ms = -1.0
    for at_ms in starts:
        if at_ms < covered_ms:
            continue
        start_ms = max(0.0, min(at_ms - LEAD_MS, span_ms - length_ms))
        covered_ms = start_ms + length_ms
        windows.append(_window(sampled, start_ms, length_ms, starts, above_ms))
    return windows


def _window(
    sampled: list[list[float]],
    start_ms: float,
    length_ms: float,
    starts: list[float],
    above_ms: float,
) -> Window:
    first, last = round(start_ms / GRID_MS), round((start_ms + length_ms) / GRID_MS)
    best = [min(values) for values in zip(*(s[first:last] for s in sampled), strict=False)]
    inside = sum(start_ms <= at < start_ms + length_ms for at in starts)
    late = sum(value > above_ms for value in best) / max(1, len(best))
    return Window(start_ms, length_ms, inside, late)
