"""Faults of real processes: what is done, and what must follow (limits of the virtual table)."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bench.faults.model import HELD, LATCHED, STOPPED, Fault, Follows, Group
from bench.faults.real import disturb
from bench.faults.real.rig import Rig
from bench.faults.table_link import AGE, LINK, PICTURE
from bench.world import World
from safety.states import Cause, State


class People(Enum):
    """Who works."""

    SCRIPTED = "scripted people"
    PAGES = "both pages in a Chromium"


@dataclass(frozen=True, slots=True)
class RealFault:
    """One row."""

    must: Fault
    inject: Callable[[Rig], None]
    people: People = People.SCRIPTED
    undo: Callable[[Rig], None] = Rig.go_on
    around: Callable[[Path], AbstractContextManager[None]] = lambda folder: nullcontext()
    """Where the processes start and work (SkipCase where this machine cannot do it)."""
    quick: bool = False


def by_rig(world: World) -> None:
    """Nothing is done to a virtual world."""


def _must(
    name: str,
    states: frozenset[State],
    causes: frozenset[Cause],
    detect_ms: float,
    stop_ms: float,
    *,
    follows: Follows = Follows.STOP,
    brakes: bool = False,
    guard_sees: bool = True,
    watch_s: float = 2.0,
) -> Fault:
    return Fault(name, by_rig, states, causes, detect_ms, stop_ms, Group.PROCESS, follows,
                 brakes=brakes, guard_sees=guard_sees, watch_s=watch_s)  # fmt: skip


def _goes_on(name: str, seconds: float) -> Fault:
    return _must(name, frozenset(), frozenset(), 0, 0, follows=Follows.NOTHING, watch_s=seconds)


def _send(name: str, number: signal.Signals) -> Callable[[Rig], None]:
    return lambda rig: rig.send(name, number)


def _stall(name: str, ms: int) -> Callable[[Rig], None]:
    return lambda rig: rig.stall(name, ms / 1e3)


def _both(name: str, must: Callable[[str], Fault], quick: bool = False) -> tuple[RealFault, ...]:
    """The same process killed, and stopped."""
    return (
        RealFault(must(f"{name} killed (SIGKILL)"), _send(name, signal.SIGKILL), quick=quick),
        RealFault(must(f"{name} stopped (SIGSTOP)"), _send(name, signal.SIGSTOP)),
    )


_GATEWAY = LINK | {Cause.GATEWAY_RESTARTED, Cause.MISSED_SLOTS, Cause.BEDSIDE_PAGE_LOST}
_MEDIA = PICTURE | {Cause.MEDIA_LOST, Cause.MEDIA_RESTARTED}
_SERVO = frozenset({Cause.SERVO_LOST, Cause.SERVO_RESTARTED})

REAL: tuple[RealFault, ...] = (
    *_both("servo", lambda n: _must(n, STOPPED, _SERVO, 21, 60, brakes=True), quick=True),
    *_both("guard", lambda n: _must(n, STOPPED, frozenset(), 22, 60, brakes=True,
                                    guard_sees=False)),
    *_both("arm", lambda n: _must(n, LATCHED, frozenset({Cause.ARM_SILENT}), 21, 0,
                                  follows=Follows.PAUSE)),
    *_both("gateway", lambda n: _must(n, STOPPED, _GATEWAY, 51, 100), quick=True),
    *_both("media", lambda n: _must(n, HELD, _MEDIA, 150, 200)),
    *_both("record", lambda n: _goes_on(n, 3.0)),
    *(RealFault(_goes_on(f"{name} stalls for {ms} ms", 2.0), _stall(name, ms))
      for name, ms in (("guard", 5), ("servo", 5), ("gateway", 20))),
    RealFault(_must("supervisor killed (SIGKILL)", LATCHED, frozenset({Cause.SUPERVISOR_LOST}),
                    51, 110), lambda rig: rig.demo.process.kill()),
    RealFault(_goes_on("busy processors (two programs per core)", 10.0), disturb.hogs,
              undo=Rig.end_helpers),
    RealFault(_goes_on("memory pressure (half of what is free)", 6.0), disturb.memory,
              undo=Rig.end_helpers),
    RealFault(_goes_on("disk full", 8.0), lambda rig: None, around=disturb.small_disk),
    RealFault(_goes_on("flood, 10,000 datagrams/s", 8.0), disturb.flood, undo=Rig.end_helpers),
    RealFault(_goes_on("flood of web sockets", 8.0), disturb.flood_sockets, undo=Rig.end_helpers),
    RealFault(_must("link cut for 3 s, pages", HELD | LATCHED, AGE | LINK | {Cause.MISSED_SLOTS},
                    51, 100, watch_s=3.0), lambda rig: rig.where.cut(True), People.PAGES,
              undo=lambda rig: rig.where.cut(False)),
    RealFault(_must("gateway stopped (SIGSTOP), pages", STOPPED, _GATEWAY, 51, 100),
              _send("gateway", signal.SIGSTOP), People.PAGES),
    RealFault(_must("bedside key, pages", LATCHED, frozenset({Cause.BEDSIDE_STOP}), 10, 60),
              disturb.bedside_key, People.PAGES),
)  # fmt: skip
BY_NAME: dict[str, RealFault] = {row.must.name: row for row in REAL}
