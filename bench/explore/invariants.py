"""The invariants, checked on every edge and on every permit; written from docs/safety-concept.md.

None of the machine's own tables is used: the permitted falls of severity stand here once more.
"""

from __future__ import annotations

from bench.explore.edge import NOW_NS, Edge
from safety.states import Cause, State

_MOVING = (State.ACTIVE, State.DEGRADED)
_LATCHED = (State.SAFE_STOP, State.FAULT, State.ESTOP)
_SETUP = (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED)
_RANK = {State.ACTIVE: 0, State.DEGRADED: 1, State.HOLD: 2, State.SAFE_STOP: 3,
         State.FAULT: 4, State.ESTOP: 5}  # fmt: skip
_FALLS = {
    (State.DEGRADED, State.ACTIVE),
    (State.HOLD, State.DEGRADED),
    (State.HOLD, State.ACTIVE),
    (State.FAULT, State.SAFE_STOP),
    (State.ESTOP, State.SAFE_STOP),
}
_STOPS = 1 << Cause.BEDSIDE_STOP | 1 << Cause.BEDSIDE_ESTOP
_NOT_IN_MOTION = (Cause.NONE, Cause.HOLD_TOO_LONG, Cause.LINK_LOST)
"""HOLD_TOO_LONG is of HOLD; LINK_LOST only degrades (the other link carries on)."""
_ON_ENTRY = (*_NOT_IN_MOTION, Cause.OPERATOR_RELEASE, Cause.WORKSPACE)
"""OPERATOR_RELEASE is raised in motion only. Outside the workspace the arm engages at ramp zero
and holds in the next cycle with that reason on both pages."""
_ENDS_MOTION = sum(1 << c for c in Cause if c not in _NOT_IN_MOTION)
_BARS_MOTION = sum(1 << c for c in Cause if c not in _ON_ENTRY)


def broken(e: Edge) -> list[str]:
    """Names of the invariants that this edge breaks, with what happened."""
    was, now = e.started.state, e.ended.state
    checks = {
        "I1 motion with a cause present": _moves_with_cause(e),
        "I3 severity fell without its event": _fell(was, now),
        "I4 a latched stop was left without both people": _left_alone(e),
        "I4 motion without a new press of the bedside": _moved_alone(e),
        "I8 the bedside's stop did not win": _any(e, _STOPS) and now not in _LATCHED,
        "I8 emergency stop with power": now == State.ESTOP and not e.after.cut,
        "I8 power given back without both people": _powered_alone(e),
        "I9 a change that the report does not show": _hidden(e),
        "epoch did not rise on arming": now == State.ARMED != was and not e.epoch_rose,
        "motion from a state that does not lead to it": (
            now in _MOVING and was not in (*_MOVING, State.ARMED, State.HOLD)
        ),
        "motion with power cut": now in _MOVING and e.after.cut,
    }
    return [
        f"{name}: {was.name} -> {now.name}, causes {_names(e.causes[-1])}"
        for name, bad in checks.items()
        if bad
    ]


def _any(e: Edge, bits: int) -> bool:
    return any(one & bits for one in e.causes)


def _moves_with_cause(e: Edge) -> bool:
    bits = _ENDS_MOTION if e.started.state in _MOVING else _BARS_MOTION
    return e.ended.state in _MOVING and _any(e, bits)


def _fell(was: State, now: State) -> bool:
    ranked = was in _RANK and now in _RANK
    return ranked and _RANK[now] < _RANK[was] and (was, now) not in _FALLS


def _left_alone(e: Edge) -> bool:
    """FAULT, SAFE_STOP or ESTOP is over: console and bedside must both have confirmed since."""
    if e.started.state not in _LATCHED or e.ended.state in (*_LATCHED, State.LOCAL):
        return False
    acknowledged = e.before.acknowledged or e.acknowledge
    return not (acknowledged and (e.before.allowed or e.pressed))


def _moved_alone(e: Edge) -> bool:
    return (
        e.ended.state in _MOVING
        and e.started.state not in _MOVING
        and e.before.needs_press
        and not e.pressed
    )


def _powered_alone(e: Edge) -> bool:
    restored = e.before.cut and not e.after.cut
    return restored and not (e.pressed and (e.before.acknowledged or e.acknowledge))


def _hidden(e: Edge) -> bool:
    """A change has its time, and a stop its first-out cause among the latched ones."""
    changed = e.ended.state != e.started.state
    if changed and e.ended.since_ns != NOW_NS:
        return True
    if e.ended.state not in (State.HOLD, *_LATCHED):
        return False
    first = e.ended.first_out
    return first == Cause.NONE or not e.ended.latched >> first & 1


def _names(causes: int) -> str:
    return "+".join(c.name for c in Cause if c and causes >> c & 1) or "none"


def setup_state(state: State) -> bool:
    """Nothing may move in these."""
    return state in (*_SETUP, State.ESTOP)
