"""Tells others once per second how late a loop wakes and which rights it was granted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

from safety.layout import Layout
from transport.local.lateness import COUNTS_BYTES, Histogram
from transport.local.mailbox import Mailbox
from transport.local.realtime import RealTime, collections

TELL_NS = 1_000_000_000
SHARES = (0.5, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class LoopTiming:
    """Arm box, servo, guard and uplink to supervisor and record, once per second: are we on time?

    Counts and figures are those since the start of the process; -1: nothing counted yet. Uplink has
    no period: its cycles are datagrams, late since the kernel received them, and its overruns are
    pauses because the allowed rate was used up.
    """

    stamp_ns: int
    period_ns: int
    cycles: int
    overruns: int
    """Cycles that were skipped because the one before was too late."""
    late_p50_us: float
    """Lateness: from the due time of a cycle to its first instruction."""
    late_p99_us: float
    late_p999_us: float
    late_max_us: float
    busy_p50_us: float
    """Work of a cycle, preemption included."""
    busy_p99_us: float
    busy_max_us: float
    collections: int
    """Garbage collections since the loop started; the collector is off, so 0 is expected."""
    asked: bool
    """Real-time rights were asked for; the next three say what was granted."""
    fifo: bool
    locked: bool
    pinned: bool
    late_counts: Annotated[bytes, COUNTS_BYTES]


LOOP_TIMING = Layout(LoopTiming)


class Account(Protocol):
    """What a loop counts (`transport/local/loop.py`)."""

    period_ns: int
    cycle: int
    overruns: int
    late: Histogram
    busy: Histogram


class TimingTeller:
    """Writer of one `LoopTiming` mailbox."""

    def __init__(self, path: Path, granted: RealTime) -> None:
        self._box = Mailbox[LoopTiming](path, LOOP_TIMING)
        self._granted = granted
        self._collections = collections()
        self._due_ns = 0

    def tell(self, now_ns: int, cycle: Account) -> None:
        """Write when a second has passed (about 50 us of work), else nothing."""
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + TELL_NS
            self._box.write(self._timing(now_ns, cycle))

    def collected(self) -> int:
        """Garbage collections since the loop started."""
        return collections() - self._collections

    def _timing(self, now_ns: int, cycle: Account) -> LoopTiming:
        late, busy = cycle.late, cycle.busy
        late_us, busy_us = late.percentiles_us(SHARES), busy.percentiles_us(SHARES)
        return LoopTiming(
            stamp_ns=now_ns,
            period_ns=cycle.period_ns,
            cycles=cycle.cycle,
            overruns=cycle.overruns,
            late_p50_us=late_us[0],
            late_p99_us=late_us[1],
            late_p999_us=late_us[2],
            late_max_us=late.max_ns / 1e3,
            busy_p50_us=busy_us[0],
            busy_p99_us=busy_us[1],
            busy_max_us=busy.max_ns / 1e3,
            collections=self.collected(),
            asked=self._granted.asked,
            fifo=self._granted.fifo,
            locked=self._granted.locked,
            pinned=self._granted.pinned,
            late_counts=late.packed(),
        )
