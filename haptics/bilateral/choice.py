"""Which coupling fits the link: reflection, local model, or no motion. With hysteresis.

Reflection under passivity control is stable up to about 20 ms round trip at half scale on bone-like
surfaces; a local model is stable at any delay (reviewed in Xu et al. 2017); above 200 ms or 10 %
loss a hand no longer controls what it sees, so motion is off. Getting worse counts quickly, getting
better must last.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

REFLECTION_MS = 20.0
OFF_MS = 200.0
OFF_LOSS = 0.10
BETTER = 0.8
"""A limit counts as kept again at this share of it."""
WORSE_NS = 50_000_000
BETTER_NS = 2_000_000_000


class Coupling(IntEnum):
    """How hand and robot are coupled, from best to worst link."""

    REFLECTION = 0
    """The measured force is felt, scaled and passivity controlled."""
    MODEL = 1
    """A local model of the surface is felt, corrected by measurements."""
    OFF = 2
    """The link is too slow or too lossy: the hand does not move the robot."""


def needed(rtt_ms: float, loss: float, share: float = 1.0) -> Coupling:
    """The coupling that a link of this round trip (ms) and loss (0..1) allows.

    `share` scales the limits. Unknown (negative or not a number) counts as worst.
    """
    if not (0.0 <= rtt_ms <= OFF_MS * share and 0.0 <= loss <= OFF_LOSS * share):
        return Coupling.OFF
    return Coupling.REFLECTION if rtt_ms < REFLECTION_MS * share else Coupling.MODEL


@dataclass(slots=True)
class CouplingChoice:
    """Chooses with hysteresis; starts with the local model."""

    coupling: Coupling = Coupling.MODEL
    _since_ns: int | None = None
    _towards: Coupling = Coupling.MODEL

    def update(self, now_ns: int, rtt_ms: float, loss: float) -> Coupling:
        """Take the link's figures; return the coupling in force."""
        worst = needed(rtt_ms, loss)
        goal = worst if worst > self.coupling else needed(rtt_ms, loss, BETTER)
        if goal == self.coupling or (goal > self.coupling and worst == self.coupling):
            self._since_ns = None
            return self.coupling
        if self._since_ns is None or goal != self._towards:
            self._since_ns, self._towards = now_ns, goal
        wait_ns = WORSE_NS if goal > self.coupling else BETTER_NS
        if now_ns - self._since_ns >= wait_ns:
            self.coupling, self._since_ns = goal, None
        return self.coupling
