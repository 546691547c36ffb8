"""One pure step of the state machine; the tables are in `safety/transitions.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from safety.limits import Limits
from safety.states import Cause, State
from safety.transitions import (
    BLOCKING,
    CONSEQUENCES,
    LATCHED,
    MOVING,
    QUALIFIED,
    REACTIONS,
    SHORT_MASK,
    TRANSITIONS,
    When,
    mask,
)

MS = 1_000_000
S = 1_000_000_000
_OPERATOR = mask(Cause.OPERATOR_RELEASE)
_REACTING = {s: sum(bits for _, bits in rows) for s, rows in REACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine remembers."""

    state: State = State.INIT
    since_ns: int = 0
    first_out: Cause = Cause.NONE
    latched: int = 0
    acknowledged: bool = False
    """The console has read the first-out cause of this stop."""
    clean_since_ns: int = 0
    """Last time a DEGRADED-grade cause was present."""
    short_holds_ns: tuple[int, ...] = ()
    """When short HOLDs resumed by themselves."""
    engagement: int = 0
    local_from: State = State.IDLE
    """State that LOCAL was taken from."""


@dataclass(slots=True)
class Facts:
    """What the machine is told in one step. Defaults are the worst values."""

    now_ns: int
    causes: int = 0
    """Causes present now."""
    late: int = 0
    """Causes present at DEGRADED grade only."""
    off_skin: bool = False
    alive: bool = False
    connected: bool = False
    qualified: bool = False
    ready: bool = False
    """Everything that arming needs besides the bedside's press (`safety/guide.py`)."""
    allow: bool = False
    """The bedside pressed "allow motion" in this step."""
    consent: bool = False
    edge: bool = False
    """A fresh deadman edge with a slow hand, in this epoch, in this step."""
    resumable: bool = False
    """Command and offset allow a short HOLD to resume by itself (`safety/engage.py`)."""
    acknowledge: bool = False
    local_enter: bool = False
    local_exit: bool = False
    at_rest: bool = False
    power_cut: bool = False


def step(m: Machine, f: Facts, limits: Limits) -> Machine:
    """Return the machine after this step; at most one transition, causes before people."""
    m = _note(m, f)
    after = _react(m, f)
    if after is not None:
        return after
    for row in TRANSITIONS:
        if m.state in row.sources and PREDICATES[row.when](m, f, limits):
            return _go(m, f, row.when, row.target)
    return m


def _note(m: Machine, f: Facts) -> Machine:
    if f.late and m.state in MOVING:
        m = replace(m, clean_since_ns=f.now_ns)
    if f.acknowledge and m.state in LATCHED and not m.acknowledged:
        m = replace(m, acknowledged=True)
    return m


def _react(m: Machine, f: Facts) -> Machine | None:
    """Apply the causes that are present; None: none matters in this state."""
    for target, bits in REACTIONS[m.state]:
        hits = f.causes & bits
        if hits:
            return _caused(m, f, _resolve(m, f, target), hits)
    return None


def _resolve(m: Machine, f: Facts, target: State) -> State:
    if target == QUALIFIED and not f.off_skin:
        return State.HOLD
    if m.state == State.LOCAL and target == State.HOLD and m.local_from in LATCHED:
        return State.SAFE_STOP
    return target


def _first(hits: int) -> Cause:
    """The one of several new causes that explains the others."""
    hits = hits & ~CONSEQUENCES or hits
    return Cause((hits & -hits).bit_length() - 1)


def _caused(m: Machine, f: Facts, target: State, hits: int) -> Machine | None:
    """Latch `hits`, keep the first-out cause, move to `target`."""
    stopped = m.state in (State.HOLD, *LATCHED) or (
        m.state == State.LOCAL and m.local_from in LATCHED
    )
    everything = f.causes & _REACTING[m.state]
    latched = (m.latched | everything) if stopped else everything
    if target == m.state and latched == m.latched:
        return None
    first = m.first_out
    if not stopped or first in (Cause.NONE, Cause.OPERATOR_RELEASE):
        first = _first(hits)
    return replace(
        m,
        state=target,
        since_ns=m.since_ns if target == m.state else f.now_ns,
        first_out=first,
        latched=latched,
        acknowledged=m.acknowledged and latched == m.latched,
    )


def _go(m: Machine, f: Facts, when: When, target: State) -> Machine:
    """Take a transition that people or the set-up made."""
    came_from = m.state
    m = replace(m, state=target, since_ns=f.now_ns)
    if when in (When.ALLOWED, When.RELEASED_BY_BOTH, When.CLEAN, When.LOCAL_LEFT):
        m = replace(m, latched=0, first_out=Cause.NONE, acknowledged=False)
    if when in (When.ENGAGED, When.OPERATOR_RESUMED, When.SHORT_HOLD_OVER):
        m = replace(m, engagement=m.engagement + 1, clean_since_ns=f.now_ns)
    if when in (When.ENGAGED, When.OPERATOR_RESUMED):
        m = replace(m, latched=0, first_out=Cause.NONE)
    if when == When.LATE:
        m = replace(m, latched=f.late, first_out=_first(f.late), clean_since_ns=f.now_ns)
    if when == When.LOCAL_TAKEN:
        m = replace(m, local_from=came_from)
    if when == When.SHORT_HOLD_OVER:
        m = replace(m, short_holds_ns=(*m.short_holds_ns, f.now_ns)[-16:])
    return m


def _quiet(m: Machine, f: Facts) -> bool:
    return not f.causes & BLOCKING[m.state]


def _short_over(m: Machine, f: Facts, limits: Limits) -> bool:
    """The short HOLD of docs/safety-concept.md: every condition of it."""
    if m.latched & ~SHORT_MASK or not m.latched or not (f.resumable and f.consent):
        return False
    if f.now_ns - m.since_ns > limits.short_hold_ms * MS or not _quiet(m, f):
        return False
    window = f.now_ns - limits.short_hold_window_s * S
    return sum(at > window for at in m.short_holds_ns) < limits.short_hold_count


def _local_taken(m: Machine, f: Facts) -> bool:
    """Not while a cause is present that LOCAL would be left for at once."""
    return f.local_enter and f.at_rest and not f.causes & BLOCKING[State.LOCAL]


def _released(m: Machine, f: Facts) -> bool:
    return m.acknowledged and f.allow and f.ready and not f.power_cut and _quiet(m, f)


def _powered_again(m: Machine, f: Facts) -> bool:
    released = not f.causes & mask(Cause.BEDSIDE_STOP, Cause.BEDSIDE_ESTOP)
    return m.acknowledged and f.allow and f.power_cut and released and _quiet(m, f)


PREDICATES: dict[When, Callable[[Machine, Facts, Limits], bool]] = {
    When.ALIVE: lambda m, f, _: f.alive,
    When.NOT_ALIVE: lambda m, f, _: not f.alive,
    When.CONNECTED: lambda m, f, _: f.connected,
    When.NOT_CONNECTED: lambda m, f, _: not f.connected,
    When.QUALIFIED: lambda m, f, _: f.qualified,
    When.NOT_QUALIFIED: lambda m, f, _: not f.qualified,
    When.ALLOWED: lambda m, f, _: f.allow and f.ready and _quiet(m, f),
    When.ENGAGED: lambda m, f, _: f.edge and f.consent,
    When.LATE: lambda m, f, _: f.late != 0,
    When.CLEAN: lambda m, f, lim: f.now_ns - m.clean_since_ns >= lim.degraded_clean_s * S,
    When.OPERATOR_RESUMED: lambda m, f, _: (
        m.latched == _OPERATOR and f.edge and f.consent and _quiet(m, f)
    ),
    When.SHORT_HOLD_OVER: _short_over,
    When.RELEASED_BY_BOTH: lambda m, f, _: _released(m, f),
    When.POWERED_AGAIN: lambda m, f, _: _powered_again(m, f),
    When.LOCAL_TAKEN: lambda m, f, _: _local_taken(m, f),
    When.LOCAL_LEFT_LATCHED: lambda m, f, _: f.local_exit and m.local_from in LATCHED,
    When.LOCAL_LEFT: lambda m, f, _: f.local_exit,
}
