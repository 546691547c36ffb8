"""Which motion is allowed now: a permit that is valid, new enough, and of a kind (pure).

No valid permit, no drive. After a lapse only a newer epoch is accepted (docs/architecture.md);
until then servo may only yield.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from safety.messages import Permit
from safety.states import PermitKind

AHEAD_NS = 2_000_000
"""Slack for a permit from the future (the shell takes the time after reading)."""


class Mode(IntEnum):
    """What servo does in a cycle."""

    BRAKE = 0
    YIELD = 1
    OPERATE = 2
    REGULATE = 3
    LIFT = 4
    LOCAL = 5


_MODE = {
    PermitKind.OPERATE: Mode.OPERATE,
    PermitKind.REGULATE: Mode.REGULATE,
    PermitKind.LIFT: Mode.LIFT,
    PermitKind.LOCAL: Mode.LOCAL,
}
DRIVING = frozenset(_MODE.values())


@dataclass(slots=True)
class PermitGate:
    """Remembers the newest epoch and whether a permit lapsed while driving."""

    life_ns: int
    """Longest validity that is believed (limit `permit_life_ms`)."""
    epoch: int = 0
    lapsed: bool = False
    lapsed_epoch: int = 0
    resting: bool = True
    """The brakes are asked for; only an accepted permit ends that."""

    def judge(self, now_ns: int, permit_seq: int, permit: Permit) -> Mode:
        """Mode of this cycle by the permit alone."""
        if not self._valid(now_ns, permit_seq, permit):
            if not self.resting:
                self.lapse()
            return self._without()
        self.epoch = permit.epoch
        if permit.kind is PermitKind.NONE:
            self.resting = True
            return Mode.BRAKE
        if self.lapsed and permit.epoch <= self.lapsed_epoch:
            return self._without()
        self.lapsed = self.resting = False
        return _MODE[permit.kind]

    def lapse(self) -> None:
        """Driving ended without an order: from here on only a newer epoch counts."""
        self.lapsed, self.lapsed_epoch = True, max(self.lapsed_epoch, self.epoch)

    def _without(self) -> Mode:
        return Mode.BRAKE if self.resting else Mode.YIELD

    def _valid(self, now_ns: int, permit_seq: int, permit: Permit) -> bool:
        life = permit.valid_until_ns - permit.issued_ns
        return (
            permit_seq > 0
            and permit.epoch >= self.epoch
            and permit.issued_ns <= now_ns + AHEAD_NS
            and now_ns < permit.valid_until_ns
            and life <= self.life_ns
        )
