"""Keeps the picture source in step with the expert's screen (pure; `teleop/media` steers by it).

A picture waits for the next display frame: on a 60 Hz screen between 0 and 17 ms, by the chance of
its phase, and a picture that comes just too late waits one frame longer. Broadcast studios lock
cameras to one reference for the same reason (genlock, SMPTE ST 318). Here the screen of the
expert is the reference: the console reports how long each picture waited, and the source makes the
next ones so much later (or earlier) that nearly all of them are ready shortly before a display
frame begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARGIN_MS = 1.5
"""Wanted at least between the last of the pictures that count and the display frame: measured in
Chromium, a picture that is ready at its beginning is still shown in it."""
COUNTED = 0.98
"""Share of the pictures that shall not wait for another display frame; the others are stalls."""
ENOUGH = 45
"""Pictures between two corrections: fewer say little about one in fifty."""
MARGIN_MOST_MS = 6.0
MISSED = 0.01
"""Share of the pictures that may just miss their display frame: they wait nearly a whole one, or,
where there are as many pictures as display frames, are replaced by the next and tell no wait."""
NEARLY = 0.8
"""A wait of more than this share of a display frame is a miss."""
WIDER_MS, NARROWER_MS = 0.5, 0.25
"""The margin grows at each judgement while more missed it, and shrinks while fewer did."""
STILL_MS = 0.5
"""A smaller correction is not worth a picture that comes at another time."""
PULL = 0.01
"""The rate may follow the screen by so much: 59.94 Hz needs 0.001, a screen of 75 Hz is left."""
STILL_RATE = 1e-4
"""A smaller change of the rate is the rounding of a report: 0.1 ms a second, for the next
correction."""
STEP = 0.02
"""Largest change of one picture's period: 0.7 ms at 30 pictures a second."""


@dataclass(frozen=True, slots=True)
class Steering:
    """What the source does from the next picture on."""

    period_ns: int
    move_ns: int
    """All further pictures are made so much later (negative: earlier)."""


class Genlock:
    """Turns reports of the console into corrections; one report after each of them is left out."""

    def __init__(self, period_ns: int) -> None:
        self._nominal_ns = period_ns
        self._period_ns = period_ns
        self._waits_ms: list[float] = []
        self._skipped = 0
        self._margin_ms = MARGIN_MS
        self._moving = False
        self.wait_ms = -1.0
        """Median wait of the last pictures that were judged; -1: none yet."""

    def presented(
        self, refresh_ms: float, waits_ms: Sequence[float], skipped: int = 0
    ) -> Steering | None:
        """Take a report: time between two display frames, and what each picture waited (ms).

        `skipped`: pictures that were replaced before the screen took them. None: go on as before.
        """
        if self._moving:  # pictures of before the correction are among these
            self._moving = False
            return None
        self._waits_ms += waits_ms
        self._skipped += skipped
        if len(self._waits_ms) < ENOUGH:
            return None
        waits, self._waits_ms = self._waits_ms, []
        self.wait_ms = sorted(waits)[len(waits) // 2]
        missed = self._skipped + sum(wait > NEARLY * refresh_ms for wait in waits)
        self._widen(missed / (self._skipped + len(waits)))
        self._skipped = 0
        period_ns = in_step(self._nominal_ns, refresh_ms)
        if period_ns is None:
            return self._steer(self._nominal_ns, 0.0)
        return self._steer(period_ns, later_ms(waits, refresh_ms, self._margin_ms))

    def _widen(self, missed: float) -> None:
        by_ms = WIDER_MS if missed > MISSED else -NARROWER_MS
        self._margin_ms = max(MARGIN_MS, min(MARGIN_MOST_MS, self._margin_ms + by_ms))

    def _steer(self, period_ns: int, move_ms: float) -> Steering | None:
        same = abs(period_ns - self._period_ns) <= STILL_RATE * self._nominal_ns
        if same and abs(move_ms) < STILL_MS:
            return None
        self._moving, self._period_ns = True, period_ns
        return Steering(period_ns, round(move_ms * 1e6))


def in_step(nominal_ns: int, refresh_ms: float) -> int | None:
    """The whole number of display frames next to the nominal period; None: too far from it."""
    frames = max(1, round(nominal_ns / 1e6 / refresh_ms))
    period_ns = round(frames * refresh_ms * 1e6)
    return period_ns if abs(period_ns - nominal_ns) <= PULL * nominal_ns else None


def later_ms(waits_ms: Sequence[float], refresh_ms: float, margin_ms: float = MARGIN_MS) -> float:
    """How much later the pictures should be made, within half a display frame either way.

    On the circle of one display frame the shortest arc that holds the counted share of the
    pictures begins with the latest of them, which then waits `margin_ms`.
    """
    phases = sorted(wait % refresh_ms for wait in waits_ms)
    count = len(phases)
    held = -(-count * round(100 * COUNTED) // 100)
    twice = phases + [phase + refresh_ms for phase in phases]
    _, first = min((twice[i + held - 1] - twice[i], i) for i in range(count))
    half = refresh_ms / 2
    return (phases[first] - margin_ms + half) % refresh_ms - half


def step_ns(owed_ns: int, period_ns: int) -> int:
    """The part of a correction that the next picture takes."""
    most = round(STEP * period_ns)
    return max(-most, min(most, owed_ns))
