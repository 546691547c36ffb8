"""Asks the machine for what a loop on time needs, and says what it granted.

Standard library only (guard imports it): what Python 3.11 has no call for goes through `ctypes`.
Sources: sched(7), clock_nanosleep(2), mlockall(2), prctl(2) of the Linux manual pages.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

_CLOCK_MONOTONIC = 1
_TIMER_ABSTIME = 1
_MCL_CURRENT_FUTURE = 3
_PR_SET_TIMERSLACK = 29
_PR_SET_THP_DISABLE = 41
SWITCH_S = 1e-4
"""Longest wait for another Python thread (default 5 ms), should a library start one."""


@dataclass(frozen=True, slots=True)
class RealTime:
    """What was asked for and what the machine granted."""

    asked: bool
    fifo: bool
    locked: bool
    pinned: bool
    """The process runs on the processors of the configuration (True where none are named)."""

    @property
    def complete(self) -> bool:
        """Nothing that was asked for is missing."""
        return self.asked and self.fifo and self.locked and self.pinned

    @property
    def degraded(self) -> bool:
        """Something was asked for and refused."""
        return self.asked and not self.complete


NOT_ASKED = RealTime(asked=False, fifo=False, locked=False, pinned=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None


def absolute_sleeper() -> Callable[[int], None] | None:
    """A sleep until a CLOCK_MONOTONIC time (ns); None: this C library has no such call.

    A relative sleep starts late by whatever happens between reading the clock and sleeping.
    """
    call = getattr(_libc(), "clock_nanosleep", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
    due = _Timespec()
    address = ctypes.addressof(due)

    def sleep(due_ns: int) -> None:
        due.s, due.ns = divmod(due_ns, 1_000_000_000)
        # A signal ends the sleep early (EINTR); its Python handler has run when we look again.
        while call(_CLOCK_MONOTONIC, _TIMER_ABSTIME, address, None) == 4:
            pass

    return sleep


def go_real_time(priority: int, cpus: tuple[int, ...] = ()) -> RealTime:
    """Ask for SCHED_FIFO `priority`, locked memory and the processors `cpus` (empty: any).

    The garbage collector is frozen and switched off: loops make no reference cycles. Refusals are
    returned, not raised: the loop then runs at normal priority, with 1 ns timer slack instead of
    50 us, and says so.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(SWITCH_S)
    libc = _libc()
    _prctl(libc, _PR_SET_TIMERSLACK, 1)
    # No huge page is assembled (and its memory moved) while a loop runs.
    _prctl(libc, _PR_SET_THP_DISABLE, 1)
    return RealTime(True, thread_fifo(priority), _lock(libc), _pin(cpus))


def collections() -> int:
    """Garbage collections in this process so far."""
    return sum(generation["collections"] for generation in gc.get_stats())


def _prctl(libc: ctypes.CDLL | None, option: int, value: int) -> None:
    """Set an attribute of this process; where that is unknown its default stays."""
    call = getattr(libc, "prctl", None)
    if call is not None:
        call(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))


def thread_fifo(priority: int) -> bool:
    """SCHED_FIFO for this thread alone; False: refused, it goes on at normal priority."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        return False
    return True


def _lock(libc: ctypes.CDLL | None) -> bool:
    call = getattr(libc, "mlockall", None)
    return call is not None and call(_MCL_CURRENT_FUTURE) == 0


def _pin(cpus: tuple[int, ...]) -> bool:
    if not cpus:
        return True
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError):
        return False
    return os.sched_getaffinity(0) == set(cpus)
