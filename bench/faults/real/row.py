"""One row of the real layer: what is done, by whom the arm is driven, and what must follow."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bench.faults.model import Fault, Follows, Group
from bench.faults.real.rig import Rig
from bench.kit.model import Figure
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
    rounds: int = 1
    """The disturbance comes in so many parts with pauses of the same length between them: what the
    machine does by itself is then compared over the same time."""
    pause: Callable[[Rig, bool], None] = lambda rig, run: rig.let_helpers(run=run)
    """Begins (False) and ends (True) such a pause."""
    tells: Callable[[Rig], tuple[Figure, ...]] = lambda rig: ()
    """What is known about the fault itself, asked before it is undone."""


def by_rig(world: World) -> None:
    """Nothing is done to a virtual world."""


def must(
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
    """What must follow, as in the virtual table."""
    return Fault(name, by_rig, states, causes, detect_ms, stop_ms, Group.PROCESS, follows,
                 brakes=brakes, guard_sees=guard_sees, watch_s=watch_s)  # fmt: skip


def goes_on(name: str, seconds: float) -> Fault:
    """Nothing may stop."""
    return must(name, frozenset(), frozenset(), 0, 0, follows=Follows.NOTHING, watch_s=seconds)
