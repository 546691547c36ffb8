"""Robot side of a touch by a haptic hand: hold it gently until the hand can feel it.

The hand runs on for a round trip before its local surface appears. Until the console echoes the
number of this touch, the robot regulates its own small force of 2 N; in free space the hand itself
moves the axis.
"""

from __future__ import annotations

from dataclasses import dataclass

TOUCH_N = 2.0
TOUCH_MODULO = 4
"""Touch numbers go round at this count (two bits of a command's flags)."""


@dataclass(slots=True)
class TouchCap:
    """Counts touches and rewrites the reference of a haptic hand."""

    touch: int = 0
    """Number of the contact now, or of the last one."""
    touching: bool = False
    allowed: bool = False
    """The touch began while new contact was permitted; else it is lifted off again."""

    def observe(self, touching: bool, new_contact: bool) -> None:
        """Take whether the probe is in contact; a landing begins a new touch."""
        if touching and not self.touching:
            self.touch = (self.touch + 1) % TOUCH_MODULO
            self.allowed = new_contact
        self.touching = touching

    def reference_n(self, wanted_n: float, echo: int) -> float:
        """Force reference (N) for a hand that echoes touch `echo` and asks for `wanted_n`."""
        if not self.touching or not self.allowed:
            return 0.0
        if echo == self.touch:
            return wanted_n
        return TOUCH_N
