"""Contact states as a table: FREE, APPROACH, TOUCH, PRESS, LOST (reference/1.2 of control).

The table says what follows from an event; `ContactMonitor` finds the events in force and position.
Forces are normal forces on the patient (N), lengths m, times ns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from safety.states import ContactState

TOUCH_N = 0.5
"""Touched when 2 of 3 samples exceed it (ten times the sensor noise)."""
GONE_N = 0.2
GONE_NS = 50_000_000
"""Contact is gone when the force stays below `GONE_N` that long."""
SETTLED_N = 0.5
SETTLED_NS = 100_000_000
"""Landing is over when the force has been this close to the ramped reference that long."""
REAPPROACH_M = 0.015
"""Longest way back to lost skin; then the arm gives up and says so."""


class ContactEvent(IntEnum):
    """What can change the contact state, the strongest first."""

    GONE = 0
    TOUCHED = 1
    EXHAUSTED = 2
    """`REAPPROACH_M` was travelled in vain."""
    SEEK_OFF = 3
    SEEK_ON = 4
    SETTLED = 5


_S, _E = ContactState, ContactEvent

TABLE: dict[tuple[ContactState, ContactEvent], ContactState] = {
    (_S.FREE, _E.TOUCHED): _S.TOUCH,
    (_S.FREE, _E.SEEK_ON): _S.APPROACH,
    (_S.APPROACH, _E.TOUCHED): _S.TOUCH,
    (_S.APPROACH, _E.SEEK_OFF): _S.FREE,
    (_S.TOUCH, _E.GONE): _S.LOST,
    (_S.TOUCH, _E.SETTLED): _S.PRESS,
    (_S.PRESS, _E.GONE): _S.LOST,
    (_S.LOST, _E.TOUCHED): _S.TOUCH,
    (_S.LOST, _E.EXHAUSTED): _S.FREE,
    (_S.LOST, _E.SEEK_OFF): _S.FREE,
}
"""State and event to the next state; any other pair changes nothing."""

PRESSING = frozenset({ContactState.TOUCH, ContactState.PRESS})
"""States of force control."""


def transition(state: ContactState, events: frozenset[ContactEvent]) -> ContactState:
    """Next state: the strongest event that the table knows for `state` decides."""
    for event in ContactEvent:
        if event in events and (state, event) in TABLE:
            return TABLE[state, event]
    return state


@dataclass(frozen=True, slots=True)
class ContactInputs:
    """One sample of what the contact states depend on."""

    now_ns: int
    force_n: float
    error_n: float
    """Ramped reference minus force."""
    seek: bool
    """Contact is wanted and allowed."""
    lost_travel_m: float
    """Way towards the patient since contact was lost."""


@dataclass(slots=True)
class ContactMonitor:
    """Finds events and keeps the state."""

    state: ContactState = ContactState.FREE
    gave_up: bool = False
    """Lost skin was not found again; stays until `forgive`."""
    _recent: int = 0
    """Touch bits of the last three samples."""
    _loud_ns: int = -1
    """Last time the force was not below `GONE_N`."""
    _off_ns: int = -1
    """Last time the force was not settled."""

    def update(self, given: ContactInputs) -> bool:
        """Feed one sample; True when the state changed."""
        before = self.state
        events = self._events(given)
        self.state = transition(before, events)
        if before is ContactState.LOST and ContactEvent.EXHAUSTED in events:
            self.gave_up = self.gave_up or self.state is ContactState.FREE
        if self.state is not before and self.state is ContactState.TOUCH:
            self._loud_ns = self._off_ns = given.now_ns
        return self.state is not before

    def forgive(self) -> None:
        """A new attempt to find the skin is allowed."""
        self.gave_up = False

    def _events(self, given: ContactInputs) -> frozenset[ContactEvent]:
        now = given.now_ns
        self._recent = (self._recent << 1 | (given.force_n > TOUCH_N)) & 0b111
        if given.force_n >= GONE_N:
            self._loud_ns = now
        if abs(given.error_n) > SETTLED_N:
            self._off_ns = now
        seek = given.seek and not self.gave_up
        found = {ContactEvent.SEEK_ON if seek else ContactEvent.SEEK_OFF}
        if self._recent.bit_count() >= 2:
            found.add(ContactEvent.TOUCHED)
        if now - self._loud_ns >= GONE_NS:
            found.add(ContactEvent.GONE)
        if now - self._off_ns >= SETTLED_NS:
            found.add(ContactEvent.SETTLED)
        if given.lost_travel_m > REAPPROACH_M:
            found.add(ContactEvent.EXHAUSTED)
        return frozenset(found)
