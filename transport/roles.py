"""Who may send what, as two tables; what is not in them is refused.

The guard checks events again by source and state (`safety/roles.py`); this table keeps what a
role may never say away from it.
"""

from __future__ import annotations

from safety.states import EventKind, Source
from transport import schema as s
from transport.refusals import Reason
from transport.schema import Role

DRIVER_ONLY: frozenset[type[s.Signal]] = frozenset(
    {s.Talk, s.Phrase, s.Event, s.ImageSettings, s.NeedlePath, s.NeedleTip}
)
"""From a console these count only while it holds the lease."""

MESSAGES: dict[Role, frozenset[type[s.Signal]]] = {
    Role.CONSOLE: frozenset(
        {
            s.Offer,
            s.Talk,
            s.Phrase,
            s.Event,
            s.ImageSettings,
            s.Presented,
            s.Ping,
            s.LeaseRequest,
            s.NeedlePath,
            s.NeedleTip,
            s.KeyReply,
            s.Audit,
        }
    ),
    Role.BEDSIDE: frozenset({s.Talk, s.Phrase, s.Event, s.Beat, s.Ping}),
    Role.OBSERVER: frozenset({s.Offer, s.Ping}),
}

PEERS: dict[Role, frozenset[str]] = {
    Role.CONSOLE: frozenset({"command", "video"}),
    Role.BEDSIDE: frozenset(),
    Role.OBSERVER: frozenset({"video"}),
}
"""Peer connections a role may offer."""

EVENTS: dict[Role, frozenset[EventKind]] = {
    Role.CONSOLE: frozenset(
        {
            EventKind.STOP,
            EventKind.ACKNOWLEDGE,
            EventKind.MARK_ANSWER,
            EventKind.NEEDLE_ABORT,
        }
    ),
    Role.BEDSIDE: frozenset(
        {
            EventKind.STOP,
            EventKind.ESTOP,
            EventKind.ALLOW_MOTION,
            EventKind.REVOKE_MOTION,
            EventKind.LIFT,
            EventKind.LOCAL_ENTER,
            EventKind.LOCAL_EXIT,
            EventKind.DISCOMFORT,
            EventKind.DECLARE_INSTRUMENT,
            EventKind.NEEDLE_CLEAR,
            EventKind.FORCE_ZERO,
            EventKind.HANDOVER_CONFIRM,
            EventKind.NEEDLE_CONFIRM,
            EventKind.NEEDLE_ABORT,
        }
    ),
    Role.OBSERVER: frozenset(),
}

SOURCES: dict[Role, Source] = {
    Role.CONSOLE: Source.CONSOLE,
    Role.BEDSIDE: Source.BEDSIDE_PAGE,
}


def refusal(role: Role, message: s.Signal, *, drives: bool) -> Reason | None:
    """Why `role` may not send `message`, None when it may."""
    kind = type(message)
    if kind not in MESSAGES[role]:
        return Reason.ROLE
    if role is Role.CONSOLE and kind in DRIVER_ONLY and not drives:
        return Reason.NOT_DRIVER
    if isinstance(message, s.Offer) and message.peer not in PEERS[role]:
        return Reason.ROLE
    if isinstance(message, s.Event):
        return _event_refusal(role, message.name)
    return None


def _event_refusal(role: Role, name: str) -> Reason | None:
    if name not in EventKind.__members__:
        return Reason.EVENT_UNKNOWN
    return None if EventKind[name] in EVENTS[role] else Reason.ROLE
