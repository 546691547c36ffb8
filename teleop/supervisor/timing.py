"""How late the control loops woke in the last seconds, read from their timing mailboxes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from teleop import channels
from transport.local.lateness import between, percentiles_us, unpacked
from transport.local.timing import LoopTiming

LOOPS = ("servo", "guard", "arm", "uplink")
SPAN_NS = 10_000_000_000
FRESH_NS = 3_000_000_000
"""Loops tell once per second."""
NEVER = -1.0


@dataclass(frozen=True, slots=True)
class LoopTimes:
    """One loop; -1 where nothing was measured."""

    p50_us: float = NEVER
    p99_us: float = NEVER
    p999_us: float = NEVER
    max_us: float = NEVER
    """Since the start of the process; the others over the last 10 s."""
    overruns: int = 0
    refused: tuple[str, ...] = ()
    """Real-time rights that were asked for and not granted: fifo, memory, processors."""


def refused(timing: LoopTiming) -> tuple[str, ...]:
    """What the machine refused."""
    if not timing.asked:
        return ()
    rights = {"fifo": timing.fifo, "memory": timing.locked, "processors": timing.pinned}
    return tuple(name for name, granted in rights.items() if not granted)


class Window:
    """Percentiles of one loop over the last seconds, from readings of a growing histogram."""

    def __init__(self) -> None:
        self._readings: deque[LoopTiming] = deque()

    def add(self, timing: LoopTiming) -> None:
        """Take a reading; a repeated one changes nothing, a restarted loop begins anew."""
        if self._readings:
            newest = self._readings[-1]
            if timing.stamp_ns == newest.stamp_ns:
                return
            if timing.cycles < newest.cycles:
                self._readings.clear()
        self._readings.append(timing)
        while len(self._readings) > 2 and self._readings[1].stamp_ns <= timing.stamp_ns - SPAN_NS:
            self._readings.popleft()

    def times(self) -> LoopTimes:
        """What is known now."""
        if not self._readings:
            return LoopTimes()
        last = self._readings[-1]
        counts = unpacked(last.late_counts)
        if len(self._readings) > 1:
            counts = between(counts, unpacked(self._readings[0].late_counts))
        p50, p99, p999 = percentiles_us(counts, (0.5, 0.99, 0.999))
        return LoopTimes(p50, p99, p999, last.late_max_us, last.overruns, refused(last))


class TimingReader:
    """Reads the timing of every loop of a run."""

    def __init__(self, run_dir: Path) -> None:
        self._boxes = {name: channels.box(run_dir, channels.TIMING[name]) for name in LOOPS}
        self._windows = {name: Window() for name in LOOPS}

    def read(self, now_ns: int) -> dict[str, LoopTimes]:
        """Times per loop; a loop that is silent is left out."""
        found = {}
        for name, box in self._boxes.items():
            item = box.read()
            if item is not None and now_ns - item[1].stamp_ns <= FRESH_NS:
                self._windows[name].add(item[1])
                found[name] = self._windows[name].times()
        return found
