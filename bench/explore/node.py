"""One visited node: the machine's memory with ages instead of times, and what people did."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.explore.inputs import MS, S
from safety.assess import NO_VIEW, SUSPECT
from safety.follow import CUTS_POWER
from safety.machine import Machine
from safety.states import Cause, State
from safety.transitions import LATCHED, MOVING, SHORT_MASK, mask

_SINCE_NS = (0, 2 * MS, 201 * MS)
_CLEAN_NS = (0, 2 * MS, 2001 * MS)
_WINDOW_NS = 60 * S
_KEPT = SHORT_MASK | mask(Cause.OPERATOR_RELEASE)


@dataclass(frozen=True, slots=True)
class Node:
    """Times in `machine` are ages, negative: `since_ns` -2 ms began 2 ms ago."""

    machine: Machine
    consent: bool = False
    cut: bool = False
    """Power is cut."""
    acknowledged: bool = False
    """The console acknowledged since the newest cause of this stop."""
    allowed: bool = False
    """The bedside pressed since this stop began."""
    needs_press: bool = True
    """Something happened after which only a bedside press may lead to motion again."""


def _floor(age_ns: int, marks: tuple[int, ...]) -> int:
    return max(mark for mark in marks if mark <= age_ns)


def aged(node: Node, elapsed_ns: int, now_ns: int) -> Machine:
    """The machine of `node` on the clock, `elapsed_ns` later."""
    m, shift = node.machine, now_ns - elapsed_ns
    return replace(
        m,
        since_ns=m.since_ns + shift,
        clean_since_ns=m.clean_since_ns + shift,
        short_holds_ns=tuple(at + shift for at in m.short_holds_ns),
    )


def settled(m: Machine, now_ns: int) -> Machine:
    """The machine with ages, each rounded down to the newest timer that it has passed.

    Timers that the state does not read are zero.
    """
    since_ns = now_ns - m.since_ns if m.state == State.HOLD else 0
    clean_ns = now_ns - m.clean_since_ns if m.state in MOVING else 0
    return replace(
        m,
        since_ns=-_floor(since_ns, _SINCE_NS),
        clean_since_ns=-_floor(clean_ns, _CLEAN_NS),
        short_holds_ns=tuple(0 for at in m.short_holds_ns if now_ns - at < _WINDOW_NS)[-3:],
        engagement=0,
    )


def key(node: Node, exact: bool) -> tuple[object, ...]:
    """What the code can tell apart. Exact: every latched mask and first-out cause is its own node.

    Else the latched mask is replaced by the questions that the code asks of it; the node that is
    kept is the first one found, so that every further cause is still new to it.
    """
    m = node.machine
    latched: object = m.latched
    first: object = m.first_out
    if not exact:
        masks = (_KEPT, SHORT_MASK, SUSPECT, CUTS_POWER, NO_VIEW)
        latched = (
            m.latched == mask(Cause.OPERATOR_RELEASE),
            bool(m.latched & ~SHORT_MASK),
            bool(m.latched & ~_KEPT),
            tuple(bool(m.latched & bits) for bits in masks),
        )
        first = m.first_out if m.first_out in (Cause.NONE, Cause.OPERATOR_RELEASE) else None
    local = m.local_from in LATCHED if m.state == State.LOCAL else None
    return (
        m.state, m.since_ns, latched, first, m.acknowledged, m.clean_since_ns,
        len(m.short_holds_ns), local, node.consent, node.cut, node.acknowledged, node.allowed,
        node.needs_press,
    )  # fmt: skip
