"""Guard's memory out of what the page sent back, and the other way round."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeVar

from safety.machine import Machine
from safety.memory import Memory
from safety.states import Cause, State
from safety.transitions import mask
from teleop.whatif.messages import QuestionError, Remembered

MS = 1_000_000
NOW_NS = 10_000_000 * MS
"""The virtual clock stands here at each question; memory becomes older instead."""
SESSION = 1
_EPOCH = 1 << 32
E = TypeVar("E", bound=IntEnum)


def member(kind: type[E], name: str) -> E:
    """The member of an enum by name; QuestionError: there is none."""
    try:
        return kind[name]
    except KeyError:
        raise QuestionError(f"{name} is no {kind.__name__}") from None


def cause_mask(names: Sequence[str]) -> int:
    """Bits of causes by name."""
    return mask(*{member(Cause, name) for name in names} - {Cause.NONE})


def _ago(ms: float) -> int:
    return NOW_NS - int(ms * MS)


def _age_ms(at_ns: int) -> float:
    return min(3.6e6, max(0.0, (NOW_NS - at_ns) / MS))


def recall(r: Remembered) -> Memory:
    """Memory as it was, with everybody alive and an epoch that is safely stored."""
    m = Memory()
    m.machine = Machine(
        state=member(State, r.state),
        since_ns=_ago(r.since_ms),
        first_out=member(Cause, r.first_out),
        latched=cause_mask(r.latched),
        acknowledged=r.acknowledged,
        clean_since_ns=_ago(r.clean_ms),
        short_holds_ns=tuple(_ago(ms) for ms in r.short_holds_ms),
        local_from=member(State, r.local_from),
    )
    m.epoch.value = m.epoch.durable = _EPOCH
    m.lease.session = m.page.session = SESSION
    m.lease.open = True
    m.gateway.lost = m.media.lost = False
    m.contact.valid_since_ns = 1
    m.power.cut, m.power.ordered, m.power.was_on = r.power_cut, not r.power_cut, True
    m.stop_test.done = True
    m.consent.given_ns = _ago(r.consent_ms) if r.consent else 0
    m.engaged_ns = _ago(r.engaged_ms)
    m.bucket.drained_ms = r.link_budget_used_ms
    m.last_force_n, m.discomfort = r.last_force_n, r.discomfort
    return m


def remember(m: Memory) -> Remembered:
    """What the page sends back with its next question."""
    machine = m.machine
    given_ns = m.consent.given_ns
    return Remembered(
        state=machine.state.name,
        since_ms=_age_ms(machine.since_ns),
        first_out=machine.first_out.name,
        latched=[c.name for c in Cause if c and machine.latched >> c & 1],
        acknowledged=machine.acknowledged,
        clean_ms=_age_ms(machine.clean_since_ns),
        short_holds_ms=[_age_ms(at) for at in machine.short_holds_ns][-16:],
        local_from=machine.local_from.name,
        engaged_ms=_age_ms(m.engaged_ns),
        consent=given_ns > 0,
        consent_ms=_age_ms(given_ns) if given_ns else 0.0,
        deadman=m.in_use.command.deadman,
        power_cut=m.power.cut,
        link_budget_used_ms=m.bucket.drained_ms,
        last_force_n=min(100.0, max(0.0, m.last_force_n)),
        discomfort=m.discomfort,
    )
