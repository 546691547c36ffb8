"""Alarm priority of a state and its causes (docs/safety-concept.md)."""

from __future__ import annotations

from safety.states import Alarm, Cause, Contact, State
from safety.transitions import mask

MS = 1_000_000
QUIET_HOLD_MS = 200.0
"""A HOLD that may still resume by itself is no alarm."""

_HIGH_CAUSES = mask(
    Cause.FORCE_OVER_LIMIT,
    Cause.FORCE_SENSOR_INVALID,
    Cause.BRAKE_FAILED,
    Cause.INSTRUMENT_UNKNOWN,
    Cause.ARM_POWER_LOST,
)
"""With these in SAFE_STOP somebody has to lift the probe by hand, or nearly had to."""


def priority(state: State, latched: int, late: int, contact: Contact, since_ms: float) -> Alarm:
    """Priority now; `since_ms` is the time in this state, `late` the DEGRADED-grade causes."""
    if state in (State.ESTOP, State.FAULT):
        return Alarm.HIGH
    if state == State.SAFE_STOP:
        blind = contact in (Contact.NEEDLE_IN_TISSUE, Contact.UNKNOWN)
        return Alarm.HIGH if blind or latched & _HIGH_CAUSES else Alarm.MEDIUM
    if state == State.HOLD:
        if latched == mask(Cause.OPERATOR_RELEASE):
            return Alarm.NONE
        return Alarm.MEDIUM if since_ms > QUIET_HOLD_MS else Alarm.LOW
    if state == State.DEGRADED or (late and state == State.ACTIVE):
        return Alarm.LOW
    return Alarm.NONE
