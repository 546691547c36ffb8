"""What guard decided and what processes noted, as entries of the audit log (pure).

Guard's log has every step; only a dozen of its fields are unpacked, and only changes make entries.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from safety.messages import GuardStep
from safety.states import Cause, Instrument, NeedlePlan, State
from teleop.audit.lines import Kind
from teleop.record.describe import Field, fields_of

REPORT = "outputs.report."
WATCHED = (
    "state", "first_out", "epoch", "engagement", "instrument", "consent", "session", "limits_hash",
    "limits_widened", "needle_plan", "needle_goal_m", "needle_attempts",
)  # fmt: skip
STOPS = frozenset({State.HOLD, State.SAFE_STOP, State.ESTOP, State.FAULT})
QUIET = frozenset({State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED})
"""Nothing moves or may move: changes among these are no entries (a bad link makes many)."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What becomes an entry."""

    kind: Kind
    session: int = 0
    name: str = ""
    value: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """The watched fields of one guard report."""

    state: State
    first_out: Cause
    epoch: int
    engagement: int
    instrument: Instrument
    consent: bool
    session: int
    limits_hash: int
    limits_widened: bool
    needle_plan: NeedlePlan
    needle_um: int
    needle_attempts: int


def _picked(fields: list[Field], wanted: frozenset[str]) -> struct.Struct:
    """A struct that skips everything but the wanted fields."""
    form = "<"
    for field in fields:
        code = field.code if field.count == 1 else f"{field.count}{field.code}"
        form += code if field.name in wanted else f"{struct.calcsize('<' + code)}x"
    return struct.Struct(form)


_STEP = _picked(fields_of(GuardStep), frozenset(REPORT + name for name in WATCHED))
_ORDER = [f.name.removeprefix(REPORT) for f in fields_of(GuardStep)
          if f.name in {REPORT + name for name in WATCHED}]  # fmt: skip


def _decided(values: tuple[Any, ...]) -> Decided:
    v = dict(zip(_ORDER, values, strict=True))
    return Decided(
        State(v["state"]), Cause(v["first_out"]), v["epoch"], v["engagement"],
        Instrument(v["instrument"]), v["consent"], v["session"], v["limits_hash"],
        v["limits_widened"], NeedlePlan(v["needle_plan"]), round(v["needle_goal_m"] * 1e6),
        v["needle_attempts"],
    )  # fmt: skip


class GuardWatch:
    """Follows packed guard steps."""

    def __init__(self) -> None:
        self._values: tuple[Any, ...] = ()
        self._before: Decided | None = None

    def step(self, packed: bytes) -> list[Fact]:
        """What this step changed."""
        values = _STEP.unpack(packed)
        if values == self._values:
            return []
        self._values = values
        before, self._before = self._before, _decided(values)
        return list(changes(before, self._before))


def changes(before: Decided | None, now: Decided) -> Iterator[Fact]:
    """What happened between two reports; the first report is compared with nothing."""
    if before is None or before.limits_hash != now.limits_hash:
        widened = "widened" if now.limits_widened else ""
        yield Fact(Kind.LIMITS, value=now.limits_hash, detail=widened)
    if before is None:
        stopped = now.state in STOPS
        kind, cause = (Kind.STOPPED, now.first_out.name) if stopped else (Kind.STATE, "")
        yield Fact(kind, now.session, now.state.name, now.epoch, cause)
        return
    if now.consent != before.consent:
        yield Fact(Kind.ALLOWED if now.consent else Kind.REVOKED, now.session, value=now.epoch)
    if now.instrument != before.instrument:
        yield Fact(Kind.INSTRUMENT, name=now.instrument.name)
    if now.engagement != before.engagement:
        yield Fact(Kind.ENGAGED, now.session, value=now.engagement, detail=str(now.epoch))
    yield from _state_change(before, now)
    needle = (now.needle_plan, now.needle_um)
    if needle != (before.needle_plan, before.needle_um):
        yield Fact(Kind.NEEDLE, now.session, now.needle_plan.name, now.needle_um)
    if now.needle_attempts > before.needle_attempts:
        yield Fact(Kind.NEEDLE, now.session, "ADVANCED", now.needle_attempts)


def _state_change(before: Decided, now: Decided) -> Iterator[Fact]:
    if now.state in STOPS and (now.state, now.first_out) != (before.state, before.first_out):
        yield Fact(Kind.STOPPED, now.session, now.state.name, now.epoch, now.first_out.name)
    elif now.state != before.state and not {now.state, before.state} <= QUIET:
        yield Fact(Kind.STATE, now.session, now.state.name, now.epoch)


_NOTED: dict[str, tuple[Kind, str]] = {
    "joined": (Kind.JOINED, "role"),
    "left": (Kind.LEFT, "role"),
    "lease": (Kind.LEASE, ""),
    "demoted": (Kind.LEASE, "event"),
    "event": (Kind.ACT, "kind"),
    "needle_stage": (Kind.NEEDLE, "stage"),
    "ended": (Kind.PROCESS, "process"),
    "killed": (Kind.PROCESS, "process"),
}
"""Note -> kind of the entry, field of the note that holds its name."""


def noted(process: str, note: bytes) -> Fact | None:
    """The entry that a note of `process` makes; None: none.

    Only names and numbers are taken, never free text: it might name a person.
    """
    try:
        content = json.loads(note)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    found = _NOTED.get(str(content.get("event") or content.get("kind") or ""))
    if found is None:
        return None
    kind, field = found
    session, arg = content.get("session"), content.get("arg")
    number = session if isinstance(session, int) and session >= 0 else 0
    value = arg if isinstance(arg, int) else 0
    return Fact(kind, number, _word(content.get(field)), value, process)


def _word(value: object) -> str:
    """A name of ours: letters, digits, _ and -; anything else is left out."""
    text = str(value or "")
    return text[:64] if text.replace("_", "").replace("-", "").isalnum() and text.isascii() else ""
