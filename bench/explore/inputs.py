"""What the machine may be told: representative causes, facts and steps of time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from bench.explore.choices import BOTH
from safety.assess import NO_VIEW, SUSPECT
from safety.follow import CUTS_POWER
from safety.states import Cause, State
from safety.transitions import CONSEQUENCES, LINK_MASK, SHORT_MASK, mask, reaction

MS = 1_000_000
S = 1_000_000_000
STEPS_NS = (2 * MS, 201 * MS, 2001 * MS, 61 * S)
"""One guard cycle, and just beyond each timer of the machine (short HOLD, clean, its window)."""
TIMELESS_STEPS_NS = (2 * MS, 61 * S)
"""Where no timer of the machine runs: only the count of short HOLDs ages."""
TIMED = (State.ACTIVE, State.DEGRADED, State.HOLD)

_SINGLED_OUT = (
    Cause.OPERATOR_RELEASE,
    Cause.BEDSIDE_STOP,
    Cause.BEDSIDE_ESTOP,
    Cause.GUARD_OVERRUN,
    Cause.SHUTDOWN,
)
"""Named in the code by themselves."""


def _signature(cause: Cause) -> tuple[object, ...]:
    """Everything by which the core can tell this cause from another."""
    masks = (SHORT_MASK, LINK_MASK, SUSPECT, CUTS_POWER, NO_VIEW, CONSEQUENCES)
    return (
        *(reaction(state, cause) for state in State),
        *(bool(bits >> cause & 1) for bits in masks),
        cause if cause in _SINGLED_OUT else None,
    )


def representatives() -> tuple[Cause, ...]:
    """One cause of each group that the core treats alike."""
    found: dict[tuple[object, ...], Cause] = {}
    for cause in Cause:
        if cause != Cause.NONE:
            found.setdefault(_signature(cause), cause)
    return tuple(found.values())


def cause_sets(at_once: int, causes: Sequence[Cause]) -> tuple[int, ...]:
    """Masks of none, one, ... `at_once` causes in the same step."""
    return tuple(mask(*some) for n in range(at_once + 1) for some in combinations(causes, n))


def fact_domains() -> dict[str, Sequence[object]]:
    """Values of the facts that are free; consent and power follow from what was done before."""
    free = ("off_skin", "alive", "connected", "qualified", "ready", "pressed", "edge", "resumable",
            "acknowledge", "local_enter", "local_exit", "at_rest")  # fmt: skip
    domains: dict[str, Sequence[object]] = dict.fromkeys(free, BOTH)
    domains["late"] = (0, mask(Cause.LOOP_LATENCY))
    return domains
