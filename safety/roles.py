"""Who may tell guard what, in which state. Everything that is not in the table is refused."""

from __future__ import annotations

from safety.states import EventKind, Source, State

_ANY = frozenset(State)
_SETUP = frozenset({State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED})
_MOVING = frozenset({State.ACTIVE, State.DEGRADED})
_LATCHED = frozenset({State.SAFE_STOP, State.ESTOP, State.FAULT})
_STILL = _ANY - _MOVING

_UNDRIVEN = frozenset({State.IDLE, State.LOCAL})

ALLOWED: dict[tuple[EventKind, Source], frozenset[State]] = {
    (EventKind.STOP, Source.BEDSIDE_PAGE): _ANY,
    (EventKind.STOP, Source.BEDSIDE_KEY): _ANY,
    (EventKind.STOP, Source.CONSOLE): _ANY,
    (EventKind.ESTOP, Source.BEDSIDE_PAGE): _ANY,
    (EventKind.ESTOP, Source.BEDSIDE_KEY): _ANY,
    (EventKind.ALLOW_MOTION, Source.BEDSIDE_PAGE): _STILL - {State.LOCAL},
    (EventKind.REVOKE_MOTION, Source.BEDSIDE_PAGE): _ANY,
    (EventKind.LIFT, Source.BEDSIDE_PAGE): _ANY - _SETUP - {State.ESTOP, State.FAULT},
    (EventKind.LOCAL_ENTER, Source.BEDSIDE_PAGE): _ANY - {State.ESTOP, State.FAULT},
    (EventKind.LOCAL_EXIT, Source.BEDSIDE_PAGE): frozenset({State.LOCAL}),
    (EventKind.DISCOMFORT, Source.BEDSIDE_PAGE): _ANY,
    (EventKind.DECLARE_INSTRUMENT, Source.BEDSIDE_PAGE): (
        _SETUP | {State.LOCAL, State.SAFE_STOP, State.FAULT}
    ),
    (EventKind.NEEDLE_CLEAR, Source.BEDSIDE_PAGE): _STILL,
    (EventKind.HANDOVER_CONFIRM, Source.BEDSIDE_PAGE): _STILL,
    (EventKind.FORCE_ZERO, Source.BEDSIDE_PAGE): _UNDRIVEN,
    (EventKind.FORCE_ZERO, Source.BEDSIDE_KEY): _UNDRIVEN,
    (EventKind.ACKNOWLEDGE, Source.CONSOLE): _LATCHED | {State.HOLD},
    (EventKind.MARK_ANSWER, Source.CONSOLE): _STILL,
    (EventKind.SHUTDOWN, Source.SUPERVISOR): _ANY,
    (EventKind.NEEDLE_PROPOSE, Source.CONSOLE): _ANY - _LATCHED - {State.LOCAL},
    (EventKind.NEEDLE_CONFIRM, Source.BEDSIDE_PAGE): _ANY - _LATCHED - {State.LOCAL},
    (EventKind.NEEDLE_ABORT, Source.CONSOLE): _ANY,
    (EventKind.NEEDLE_ABORT, Source.BEDSIDE_PAGE): _ANY,
}
"""The only way to power the arm off for good is at the bedside; the console can only hold."""


def allowed(kind: EventKind, source: Source, state: State) -> bool:
    """True when `source` may send `kind` in `state`."""
    return state in ALLOWED.get((kind, source), ())


def may_send(kind: EventKind, source: Source) -> bool:
    """True when there is a state in which `source` may send `kind` (the gateway's check)."""
    return (kind, source) in ALLOWED
