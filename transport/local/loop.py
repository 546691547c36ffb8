"""Periodic loop on absolute time, with the lateness and the work of every cycle accounted."""

from __future__ import annotations

from transport.local.clock import now_ns, sleep_until
from transport.local.lateness import Histogram
from transport.local.realtime import absolute_sleeper


class Cycle:
    """Wakes at start + n * period. A missed cycle is skipped and counted, never caught up.

    It never spins: under SCHED_FIFO a spinning loop would take the processor from the others.
    """

    def __init__(self, period_ns: int, offset_ns: int = 0) -> None:
        self.period_ns = period_ns
        self._sleep = absolute_sleeper() or sleep_until
        now = now_ns()
        self._due = now - now % period_ns + period_ns + offset_ns
        self._woke_ns = now
        self.overruns = 0
        self.lateness_ns = 0
        self.cycle = 0
        self.late = Histogram()
        """From the due time of a cycle to its first instruction."""
        self.busy = Histogram()
        """From there to the next wait: the work of the cycle, preemption included."""

    def move(self, by_ns: int) -> None:
        """Make all further due times so much later (negative: earlier)."""
        self._due += by_ns

    def wait(self) -> int:
        """Sleep to the next due time; return the time now, in ns."""
        if self.cycle:
            self.busy.add(now_ns() - self._woke_ns)
        self._sleep(self._due)
        self._woke_ns = now = now_ns()
        self.lateness_ns = now - self._due
        self.late.add(self.lateness_ns)
        missed = max(0, self.lateness_ns // self.period_ns)
        self.overruns += missed
        self._due += (missed + 1) * self.period_ns
        self.cycle += 1
        return now
