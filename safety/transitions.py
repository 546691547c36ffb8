"""The state machine as data: what each cause does in each state, and the other transitions.

Read `CAUSES` to learn what happens when, for example, the picture freezes: its row names the state
that follows from each kind of state. `safety/machine.py` executes these tables, `docs/` draws them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from safety.states import Cause, State

INIT, IDLE, CONNECTED, QUALIFIED = State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED
ARMED, ACTIVE, DEGRADED, HOLD = State.ARMED, State.ACTIVE, State.DEGRADED, State.HOLD
SAFE_STOP, LOCAL, ESTOP, FAULT = State.SAFE_STOP, State.LOCAL, State.ESTOP, State.FAULT
BACK = QUALIFIED
"""In the column `armed`: back to set-up when the probe is known to be off the skin, else HOLD."""

SETUP = (INIT, IDLE, CONNECTED, QUALIFIED)
"""Nothing moves: brakes, no permit."""
MOVING = (ACTIVE, DEGRADED)
LATCHED = (SAFE_STOP, FAULT, ESTOP)
"""Left only by both people."""
SEVERITY: dict[State, int] = {
    **dict.fromkeys((*SETUP, LOCAL, ARMED, ACTIVE), 0),
    DEGRADED: 1,
    HOLD: 2,
    SAFE_STOP: 3,
    FAULT: 4,
    ESTOP: 5,
}
"""The order in which causes may move the machine by themselves: only upwards in this number."""


@dataclass(frozen=True, slots=True)
class CauseRow:
    """What one cause does, per kind of state. None: nothing."""

    cause: Cause
    setup: State | None
    armed: State | None
    moving: State | None
    hold: State | None
    """HOLD here means: it joins the latched causes and must clear before HOLD is left."""
    local: State | None
    link: bool = False
    """Time in HOLD with it drains the bucket (a flapping link ends in SAFE_STOP)."""
    short: bool = False
    """A short HOLD may resume by itself when every cause was of this kind."""
    condition: bool = False
    """A condition of arming: no news to acknowledge once the machine has stopped."""


def _everywhere(cause: Cause, to: State) -> CauseRow:
    return CauseRow(cause, to, to, to, to, to)


def _powered(cause: Cause, to: State) -> CauseRow:
    """Nothing to stop during set-up (brakes are on, set-up starts over)."""
    return CauseRow(cause, None, to, to, to, to)


def _session(cause: Cause, *, local: State | None = None, link: bool = False) -> CauseRow:
    """A fault of the session: the arm itself is well."""
    return CauseRow(cause, None, BACK, HOLD, HOLD, local, link)


def _short(cause: Cause) -> CauseRow:
    return CauseRow(cause, None, BACK, HOLD, HOLD, None, link=True, short=True)


CAUSES: tuple[CauseRow, ...] = (
    CauseRow(Cause.OPERATOR_RELEASE, None, None, HOLD, None, None),
    _short(Cause.COMMAND_AGE),
    _short(Cause.MISSED_SLOTS),
    _short(Cause.LOOP_LATENCY),
    _short(Cause.PICTURE_FROZEN),
    _session(Cause.PICTURE_STALE, link=True),
    _session(Cause.PICTURE_NOT_LIVE),
    _session(Cause.FRAME_ID_INVALID, link=True),
    _session(Cause.COMMAND_INVALID, link=True),
    _session(Cause.CONSOLE_LOST, link=True),
    _session(Cause.CONSOLE_STOP),
    _session(Cause.LEASE_CHANGED),
    _session(Cause.LIMITS_MISMATCH),
    _session(Cause.BEDSIDE_PAGE_LOST, local=HOLD),
    _session(Cause.BEDSIDE_PAGE_HIDDEN, local=HOLD),
    _session(Cause.BEDSIDE_SOUND_OFF, local=HOLD),
    _session(Cause.BEDSIDE_INPUT_LOST, local=HOLD),
    _everywhere(Cause.BEDSIDE_STOP, SAFE_STOP),
    _everywhere(Cause.BEDSIDE_ESTOP, ESTOP),
    CauseRow(Cause.BEDSIDE_TOOK_ARM, None, HOLD, HOLD, HOLD, None),
    CauseRow(Cause.PATIENT_DISCOMFORT, None, BACK, HOLD, HOLD, None),
    _session(Cause.GATEWAY_LOST),
    _session(Cause.GATEWAY_RESTARTED),
    _session(Cause.MEDIA_LOST),
    _session(Cause.MEDIA_RESTARTED),
    CauseRow(Cause.LINK_UNSTABLE, None, SAFE_STOP, SAFE_STOP, SAFE_STOP, None),
    CauseRow(Cause.HOLD_TOO_LONG, None, None, None, SAFE_STOP, None),
    _session(Cause.CONSENT_EXPIRED),
    _everywhere(Cause.FORCE_OVER_LIMIT, SAFE_STOP),
    _powered(Cause.FORCE_SENSOR_INVALID, SAFE_STOP),
    CauseRow(Cause.INSTRUMENT_UNKNOWN, None, SAFE_STOP, SAFE_STOP, SAFE_STOP, None, condition=True),
    CauseRow(Cause.WORKSPACE, None, None, HOLD, None, None),
    _everywhere(Cause.SPEED_OVER_PERMIT, FAULT),
    _everywhere(Cause.STANDSTILL_VIOLATED, FAULT),
    _powered(Cause.ARM_SILENT, FAULT),
    _powered(Cause.ARM_POWER_LOST, SAFE_STOP),
    _powered(Cause.SERVO_LOST, SAFE_STOP),
    _everywhere(Cause.SERVO_IGNORES_PERMIT, FAULT),
    _everywhere(Cause.BRAKE_FAILED, FAULT),
    _powered(Cause.GUARD_OVERRUN, SAFE_STOP),
    _everywhere(Cause.GUARD_RESTARTED, SAFE_STOP),
    _everywhere(Cause.SUPERVISOR_LOST, SAFE_STOP),
    _everywhere(Cause.SHUTDOWN, SAFE_STOP),
    _powered(Cause.EPOCH_STORE_FAILED, SAFE_STOP),
    _everywhere(Cause.INTERNAL_ERROR, FAULT),
    _powered(Cause.SERVO_RESTARTED, SAFE_STOP),
    _powered(Cause.ARM_RESTARTED, SAFE_STOP),
    CauseRow(Cause.LINK_LOST, None, None, None, None, None),
    _session(Cause.FORCE_RATE_OVER_LIMIT, local=HOLD),
    CauseRow(Cause.CONTACT_POWER_OVER_LIMIT, None, SAFE_STOP, SAFE_STOP, SAFE_STOP, HOLD),
    _powered(Cause.POSE_INVALID, FAULT),
)
"""One row per cause. COMMAND_INVALID is never raised: refused frames move no state, the missing
command does (age); the row is there so that the table is total. LINK_LOST stops nothing: it is
raised at DEGRADED grade only (`Facts.late`), because the other link carries on."""

ROW: dict[Cause, CauseRow] = {row.cause: row for row in CAUSES}


def reaction(state: State, cause: Cause) -> State | None:
    """The state that `cause` leads to from `state`; the same state: it latches; None: nothing."""
    row = ROW[cause]
    if state in SETUP:
        return row.setup
    if state == ARMED:
        return row.armed
    if state in MOVING:
        return row.moving
    if state == HOLD:
        return row.hold
    if state == LOCAL:
        return row.local
    return _of_latched(state, row)


def _of_latched(state: State, row: CauseRow) -> State | None:
    """In a latched stop: worse causes move it on, other stops latch, the rest does not count.

    In ESTOP the arm is without power, which itself causes much that says nothing new.
    """
    targets = [t for t in (row.setup, row.armed, row.moving, row.hold, row.local) if t is not None]
    if not targets:
        return None
    worst = max(targets, key=SEVERITY.__getitem__)
    if state == ESTOP:
        return ESTOP if worst == ESTOP else None
    if SEVERITY[worst] < SEVERITY[SAFE_STOP] or row.condition:
        return None
    return worst if SEVERITY[worst] > SEVERITY[state] else state


def mask(*causes: Cause) -> int:
    """Bit mask of `causes`."""
    return sum(1 << cause for cause in causes)


LINK_MASK = mask(*(row.cause for row in CAUSES if row.link))
SHORT_MASK = mask(*(row.cause for row in CAUSES if row.short))
CONSEQUENCES = mask(
    Cause.OPERATOR_RELEASE,
    Cause.COMMAND_AGE,
    Cause.MISSED_SLOTS,
    Cause.LOOP_LATENCY,
    Cause.PICTURE_FROZEN,
    Cause.PICTURE_STALE,
    Cause.FRAME_ID_INVALID,
    Cause.BEDSIDE_PAGE_LOST,
    Cause.INSTRUMENT_UNKNOWN,
    Cause.FORCE_SENSOR_INVALID,
    Cause.ARM_POWER_LOST,
)
"""Often follow from something else: of causes seen in the same step they are not the first-out."""
PROCESS_MASK = mask(
    Cause.GATEWAY_LOST, Cause.GATEWAY_RESTARTED, Cause.MEDIA_LOST, Cause.MEDIA_RESTARTED
)
"""A lost process is no flapping link: its HOLD is bounded by `hold_max_s`, not by the bucket."""


def _by_target(state: State) -> tuple[tuple[State, int], ...]:
    found: dict[State, int] = {}
    for row in CAUSES:
        to = reaction(state, row.cause)
        if to is not None:
            found[to] = found.get(to, 0) | 1 << row.cause
    return tuple(sorted(found.items(), key=lambda item: -SEVERITY[item[0]]))


REACTIONS: dict[State, tuple[tuple[State, int], ...]] = {s: _by_target(s) for s in State}
"""Per state: (next state, mask of the causes that lead there), worst first."""
BLOCKING: dict[State, int] = {
    s: sum(bits for _, bits in rows) & ~mask(Cause.OPERATOR_RELEASE)
    for s, rows in REACTIONS.items()
}
"""Per state: causes that matter in it; none may be present when people leave a stop."""


class When(IntEnum):
    """Conditions of the transitions that no cause makes; predicates in `safety/machine.py`."""

    ALIVE = 0
    NOT_ALIVE = 1
    CONNECTED = 2
    NOT_CONNECTED = 3
    QUALIFIED = 4
    NOT_QUALIFIED = 5
    ALLOWED = 6
    ENGAGED = 7
    LATE = 8
    CLEAN = 9
    OPERATOR_RESUMED = 10
    SHORT_HOLD_OVER = 11
    RELEASED_BY_BOTH = 12
    POWERED_AGAIN = 13
    LOCAL_TAKEN = 14
    LOCAL_LEFT = 15
    LOCAL_LEFT_LATCHED = 16


@dataclass(frozen=True, slots=True)
class Transition:
    """From any of `sources`, when the condition holds, to `target`."""

    sources: tuple[State, ...]
    when: When
    target: State
    text: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition((IDLE, CONNECTED, QUALIFIED), When.NOT_ALIVE, INIT, "arm, servo or sensor gone"),
    Transition((CONNECTED, QUALIFIED), When.NOT_CONNECTED, IDLE, "console or bedside page gone"),
    Transition((QUALIFIED,), When.NOT_QUALIFIED, CONNECTED, "link below the criteria"),
    Transition(
        (IDLE, CONNECTED, QUALIFIED, ARMED, HOLD, SAFE_STOP),
        When.LOCAL_TAKEN,
        LOCAL,
        "bedside takes the arm, arm at rest",
    ),
    Transition((LOCAL,), When.LOCAL_LEFT_LATCHED, SAFE_STOP, "bedside gives back a stopped arm"),
    Transition((LOCAL,), When.LOCAL_LEFT, IDLE, "bedside gives the arm back"),
    Transition((INIT,), When.ALIVE, IDLE, "arm powered, servo and sensor alive"),
    Transition((IDLE,), When.CONNECTED, CONNECTED, "console drives, bedside page here"),
    Transition((CONNECTED,), When.QUALIFIED, QUALIFIED, "link good for the qualifying time"),
    Transition(
        (QUALIFIED, HOLD), When.ALLOWED, ARMED, "ready, causes cleared, bedside allows motion"
    ),
    Transition((ARMED,), When.ENGAGED, ACTIVE, "fresh deadman edge, slow hand"),
    Transition((ACTIVE,), When.LATE, DEGRADED, "loop late or slots missed"),
    Transition((DEGRADED,), When.CLEAN, ACTIVE, "clean long enough (automatic)"),
    Transition((HOLD,), When.OPERATOR_RESUMED, ACTIVE, "only released, then a fresh deadman edge"),
    Transition((HOLD,), When.SHORT_HOLD_OVER, DEGRADED, "short link HOLD over (automatic)"),
    Transition(
        (SAFE_STOP, FAULT),
        When.RELEASED_BY_BOTH,
        ARMED,
        "console acknowledged, ready, bedside allows motion",
    ),
    Transition(
        (ESTOP, FAULT),
        When.POWERED_AGAIN,
        SAFE_STOP,
        "after a power cut, console acknowledged, bedside allows power",
    ),
)
"""In order of priority; causes come first (`REACTIONS`)."""
