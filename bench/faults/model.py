"""What a fault is, what must follow from it, and what did."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum

import msgspec

from bench.world import World
from safety.states import Cause, State

STOPPED = frozenset({State.HOLD, State.SAFE_STOP, State.ESTOP, State.FAULT})
HELD = frozenset({State.HOLD})
LATCHED = frozenset({State.SAFE_STOP, State.FAULT})
FORCE_MAX_N = 25.0
"""Largest contact force under any single fault (`Limits.force_trip_n`)."""


class Group(StrEnum):
    """Rows of the fault matrix that belong together."""

    LINK = "link"
    FRAMES = "frames"
    PICTURE = "picture"
    PROCESS = "process"
    SENSOR = "sensor"
    ARM = "arm"
    PEOPLE = "people"
    CLOCK = "clock"


class Follows(Enum):
    """What must happen."""

    STOP = "stops"
    PAUSE = "stops, and may go on by itself within 200 ms"
    SLOWER = "goes on, slower, and it is seen"
    NOTHING = "goes on"
    OPEN = "may stop"
    """Depends on chance: only force, path and invariants are judged."""


class Invariant(Enum):
    """What is checked in every step (docs/fault-matrix.md)."""

    I1 = "no motion command without a permit that is valid now"
    I2 = "no command older than 50 ms changes a set-point"
    I3 = "severity falls only by the listed transitions"
    I4 = "a latched stop is not left without both people"
    I5 = "a needle that is in, or unknown, is not moved automatically"
    I6 = "speed and force stay within the limits"
    I7 = "no number that is not finite reaches servo or arm"
    I8 = "the bedside stop wins in every state"
    I9 = "every stop is reported with its cause, no step is skipped"
    I10 = "the wall clock is not read"
    OWN = "only frames that the console made are accepted, each once"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    name: str
    inject: Callable[[World], None]
    states: frozenset[State] = frozenset()
    causes: frozenset[Cause] = frozenset()
    """First-out causes that tell the truth about this fault; empty: any."""
    detect_max_ms: float = 0.0
    stop_max_ms: float = 0.0
    group: Group = Group.LINK
    follows: Follows = Follows.STOP
    brakes: bool = False
    """The brakes hold the arm: no part of the probe may move."""
    guard_sees: bool = True
    """False: guard itself is the fault, the arm box must brake alone. It notices 20 ms after the
    last answer it read, and reads once per cycle."""
    through: frozenset[State] = frozenset()
    """States that must be seen before the stop."""
    blinds: frozenset[Invariant] = frozenset()
    """Invariants that the broken part itself breaks until the others have stopped it."""
    takes: frozenset[str] = frozenset()
    """Parts that are not there afterwards."""
    gone_ms: float = math.inf
    """For how long."""
    holds_up: frozenset[str] = frozenset()
    """Parts that say nothing for `gone_ms`: what needs them is noticed so much later."""
    needs: frozenset[str] = frozenset()
    """Parts without which this fault cannot be noticed: not judged when the other fault of a pair
    took them."""
    slow_detect_ms: float = 0.0
    """In a pair, when the arm hardly moved any more: noticed within this time; `inf`: it need not
    be, because there is nothing to see. 0: as `detect_max_ms`."""
    slowing_detect_ms: float = 0.0
    """In a pair, when the other fault had stopped the arm already. 0: as `detect_max_ms`."""
    open_brakes: bool = False
    """Shows only while the brakes are open."""
    hides_force: float = 1.0
    """The force sensor reads this part of the force, unnoticed: so do all limits of the force."""
    watch_s: float = 1.0
    force_max_n: float = FORCE_MAX_N
    note: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What a fault, or two, led to."""

    fault: str
    state: str
    cause: str
    detect_ms: float
    """-1: guard never said so."""
    stop_ms: float
    """From the fault to standstill; -1: never."""
    brake_ms: float
    """Fault to closed brakes; -1: the brakes stayed open (the arm regulates force)."""
    stop_distance_mm: float
    """Path from the fault to standstill (to the end of the watch where it goes on)."""
    peak_force_n: float
    added_force_n: float = 0.0
    """Peak force after the fault above the largest of the 100 ms before it."""
    stop_added_n: float = 0.0
    """The same until standstill: what the stop itself adds. Later, breathing presses on brakes."""
    added_impulse_ns: float = 0.0
    """The added force, integrated over the watch (N s)."""
    speed_mm_s: float = 0.0
    """Across the probe axis when the fault struck."""
    seen: tuple[str, ...] = ()
    """States that followed, in order."""
    broken: tuple[str, ...] = ()
    """Invariants that were broken, with the first evidence of each."""
    steps: int = 0
    """Guard steps in which the invariants were checked."""
    second: str = ""
    """The other fault of a pair."""
    gap_ms: float = 0.0
    """Time between the two."""
    second_detect_ms: float = 0.0
    second_speed_mm_s: float = 0.0
    """Across the probe axis when the second one struck."""
    still: bool = True
    """At rest at the end."""
    end_mm_s: float = 0.0
    """Fastest across the probe axis at the end."""
    number: int = 0
    phase_ms: float = 0.0
    """Time in the world at which it struck; with seed and number it can be run again."""
