"""Periodic loop on absolute time, with lateness accounted and real-time rights asked for."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from dataclasses import dataclass

from transport.local.clock import now_ns, sleep_until

MCL_CURRENT_FUTURE = 3


@dataclass(frozen=True, slots=True)
class RealTime:
    """What the machine granted."""

    fifo: bool
    locked: bool


def go_real_time(priority: int) -> RealTime:
    """Ask for SCHED_FIFO `priority` (0: do not) and locked memory; freeze the garbage collector.

    Refusals are returned, not raised: the loop then runs at normal priority and says so.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(1e-4)
    fifo = False
    if priority > 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
            fifo = True
        except (PermissionError, OSError):
            fifo = False
    try:
        locked = ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT_FUTURE) == 0
    except (OSError, AttributeError):
        locked = False
    return RealTime(fifo, locked)


class Cycle:
    """Wakes at start + n * period. A missed cycle is skipped and counted, never caught up."""

    def __init__(self, period_ns: int, offset_ns: int = 0, spin_ns: int = 0) -> None:
        self.period_ns = period_ns
        self._spin_ns = spin_ns
        now = now_ns()
        self._due = now - now % period_ns + period_ns + offset_ns
        self.overruns = 0
        self.lateness_ns = 0
        self.cycle = 0

    def wait(self) -> int:
        """Sleep to the next due time; return the time now, in ns."""
        now = sleep_until(self._due, self._spin_ns)
        self.lateness_ns = now - self._due
        missed = max(0, self.lateness_ns // self.period_ns)
        self.overruns += missed
        self._due += (missed + 1) * self.period_ns
        self.cycle += 1
        return now
