"""The bedside's consent: given by a press, short-lived until used, gone with any real fault."""

from __future__ import annotations

from dataclasses import dataclass

from safety.limits import Limits
from safety.machine import Machine
from safety.states import Cause, State
from safety.transitions import MOVING, SHORT_MASK, mask

MS = 1_000_000
S = 1_000_000_000
_KEEPS = SHORT_MASK | mask(Cause.OPERATOR_RELEASE)


@dataclass(slots=True)
class Consent:
    """`given_ns` 0: no consent."""

    given_ns: int = 0

    def give(self, now_ns: int) -> None:
        """The bedside pressed "allow motion" and it counted."""
        self.given_ns = now_ns

    def revoke(self) -> None:
        """Consent is gone until the next press."""
        self.given_ns = 0

    def expired(self, state: State, now_ns: int, limits: Limits) -> bool:
        """Armed but not engaged for too long."""
        return (
            state == State.ARMED
            and self.given_ns > 0
            and now_ns - self.given_ns > limits.consent_s * S
        )

    def until_ns(self, state: State, limits: Limits) -> int:
        """When it ends if the expert does not engage; 0: not limited, or no consent."""
        if state == State.ARMED and self.given_ns:
            return self.given_ns + int(limits.consent_s * S)
        return 0

    def follow(self, m: Machine, now_ns: int, limits: Limits) -> None:
        """Keep consent only in ARMED, in motion, and in a HOLD that may resume."""
        if m.state == State.ARMED or m.state in MOVING:
            return
        if (
            m.state != State.HOLD
            or m.latched & ~_KEEPS
            or (m.latched & SHORT_MASK and now_ns - m.since_ns > limits.short_hold_ms * MS)
        ):
            self.revoke()
