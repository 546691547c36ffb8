"""Faults of real processes: what is done, and what must follow (limits of the virtual table)."""

from __future__ import annotations

import signal
from collections.abc import Callable

from bench.faults.model import HELD, LATCHED, STOPPED, Fault, Follows
from bench.faults.real import disturb
from bench.faults.real.rig import Rig
from bench.faults.real.row import People, RealFault, goes_on, must
from bench.faults.real.table_link import LINKS
from bench.faults.table_link import AGE, LINK, PICTURE
from safety.states import Cause


def _send(name: str, number: signal.Signals) -> Callable[[Rig], None]:
    return lambda rig: rig.send(name, number)


def _stall(name: str, ms: int) -> Callable[[Rig], None]:
    return lambda rig: rig.stall(name, ms / 1e3)


def _both(name: str, follows: Callable[[str], Fault], quick: bool = False) -> tuple[RealFault, ...]:
    """The same process killed, and stopped."""
    return (
        RealFault(follows(f"{name} killed (SIGKILL)"), _send(name, signal.SIGKILL), quick=quick),
        RealFault(follows(f"{name} stopped (SIGSTOP)"), _send(name, signal.SIGSTOP)),
    )


_GATEWAY = LINK | {Cause.GATEWAY_RESTARTED, Cause.MISSED_SLOTS, Cause.BEDSIDE_PAGE_LOST}
_MEDIA = PICTURE | {Cause.MEDIA_LOST, Cause.MEDIA_RESTARTED}
_SERVO = frozenset({Cause.SERVO_LOST, Cause.SERVO_RESTARTED})

REAL: tuple[RealFault, ...] = (
    *_both("servo", lambda n: must(n, STOPPED, _SERVO, 21, 60, brakes=True), quick=True),
    *_both("guard", lambda n: must(n, STOPPED, frozenset(), 22, 60, brakes=True,
                                    guard_sees=False)),
    *_both("arm", lambda n: must(n, LATCHED, frozenset({Cause.ARM_SILENT}), 21, 0,
                                  follows=Follows.PAUSE)),
    *_both("gateway", lambda n: must(n, STOPPED, _GATEWAY, 51, 100), quick=True),
    *_both("media", lambda n: must(n, HELD, _MEDIA, 150, 200)),
    *(row for name in ("keys", "record", "audit")
      for row in _both(name, lambda n: goes_on(n, 3.0))),
    *(RealFault(goes_on(f"{name} stalls for {ms} ms", 2.0), _stall(name, ms))
      for name, ms in (("guard", 5), ("servo", 5), ("gateway", 20))),
    RealFault(must("gateway stalls for 200 ms", HELD, _GATEWAY, 51, 100, follows=Follows.PAUSE),
              _stall("gateway", 200)),
    RealFault(must("servo stalls for 100 ms", STOPPED, _SERVO, 21, 60, brakes=True),
              _stall("servo", 100)),
    RealFault(must("guard stalls for 40 ms", LATCHED, frozenset({Cause.GUARD_OVERRUN}), 50, 70),
              _stall("guard", 40)),
    RealFault(must("supervisor killed (SIGKILL)", LATCHED, frozenset({Cause.SUPERVISOR_LOST}),
                    51, 110), lambda rig: rig.demo.process.kill()),
    RealFault(goes_on("busy processors (two programs per core)", 10.0), disturb.hogs,
              undo=Rig.end_helpers),
    RealFault(goes_on("memory pressure (half of what is free)", 6.0), disturb.memory,
              undo=Rig.end_helpers),
    RealFault(goes_on("disk full", 8.0), disturb.fill_disk, around=disturb.small_disk),
    RealFault(goes_on("slow disk (two programs write and sync)", 8.0), disturb.busy_disk,
              undo=Rig.end_helpers),
    RealFault(goes_on("flood, 10,000 datagrams/s", 20.0), disturb.flood, undo=Rig.end_helpers,
              rounds=5, pause=disturb.aim_elsewhere, tells=disturb.flood_rate),
    RealFault(goes_on("flood of web sockets", 20.0), disturb.flood_sockets, undo=Rig.end_helpers,
              rounds=5, tells=disturb.flood_rate),
    RealFault(must("link cut for 3 s, pages", HELD | LATCHED, AGE | LINK | {Cause.MISSED_SLOTS},
                    51, 100, watch_s=3.0), lambda rig: rig.where.cut(True), People.PAGES,
              undo=lambda rig: rig.where.cut(False)),
    *LINKS,
    RealFault(must("gateway stopped (SIGSTOP), pages", STOPPED, _GATEWAY, 51, 100),
              _send("gateway", signal.SIGSTOP), People.PAGES),
    RealFault(must("bedside key, pages", LATCHED, frozenset({Cause.BEDSIDE_STOP}), 10, 60),
              disturb.bedside_key, People.PAGES),
)  # fmt: skip
BY_NAME: dict[str, RealFault] = {row.must.name: row for row in REAL}
