"""Question and answer of the page, as JSON. Every number has its unit in its name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Ms = Annotated[float, msgspec.Meta(ge=0.0, le=3.6e6)]
Name = Annotated[str, msgspec.Meta(max_length=32)]
Names = Annotated[list[Name], msgspec.Meta(max_length=64)]


class Action(StrEnum):
    """What somebody does in this step. Text: `whatif.NAME`."""

    WAIT = "wait"
    ALLOW = "allow"
    REVOKE = "revoke"
    ACKNOWLEDGE = "acknowledge"
    PRESS = "press"
    RELEASE = "release"
    STOP = "stop"
    EMERGENCY = "emergency"
    CONSOLE_STOP = "console_stop"
    DISCOMFORT = "discomfort"
    TAKE_ARM = "take_arm"
    GIVE_ARM = "give_arm"
    LIFT = "lift"


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The world around the machine. Text: `whatif.NAME`."""

    arm_works: bool = True
    joined: bool = True
    """Console and bedside page are there, with sound and the independent stop."""
    stop_tested: bool = True
    link_good: bool = True
    mark_read: bool = True
    at_rest: bool = True


class Remembered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The machine between two questions; the page keeps it and sends it back."""

    state: Name = "INIT"
    since_ms: Ms = 0.0
    first_out: Name = "NONE"
    latched: Names = []
    acknowledged: bool = False
    clean_ms: Ms = 0.0
    short_holds_ms: Annotated[list[Ms], msgspec.Meta(max_length=16)] = []
    local_from: Name = "IDLE"
    engaged_ms: Ms = 0.0
    consent: bool = False
    consent_ms: Ms = 0.0
    deadman: bool = False
    power_cut: bool = False
    link_budget_used_ms: Ms = 0.0
    last_force_n: Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] = 0.0
    discomfort: bool = False


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page asks."""

    memory: Remembered = Remembered()
    conditions: Conditions = Conditions()
    causes: Names = []
    """Present from now on, until they are taken away."""
    late: bool = False
    """The loop is late, at the grade that only slows down."""
    contact: Name = "NONE"
    instrument: Name = "PROBE"
    force_n: Annotated[float, msgspec.Meta(ge=0.0, le=24.0)] = 0.0
    action: Action = Action.WAIT
    wait_ms: Ms = 0.0


class Passed(msgspec.Struct, frozen=True):
    """One state on the way, and its first-out cause."""

    state: str
    first_out: str


class Answer(msgspec.Struct, frozen=True):
    """What the machine says."""

    memory: Remembered
    passed: list[Passed]
    """States entered in this question, in their order."""
    permit: str
    v_max_m_s: float
    f_max_n: float
    travel_max_m: float
    brake: bool
    alarm: str
    step: str
    refused: bool
    """The action is not allowed to that person in that state."""


class QuestionError(ValueError):
    """The page (or whoever sent this) asked for something that does not exist."""
