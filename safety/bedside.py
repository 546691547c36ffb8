"""The bedside: stop buttons (level and test), the page's heartbeat, hold-to-run lift."""

from __future__ import annotations

from dataclasses import dataclass

from safety.limits import Limits
from safety.messages import GatewayStatus
from safety.states import Cause
from safety.transitions import mask

MS = 1_000_000
S = 1_000_000_000
TEST_GRACE_NS = 2 * S
"""A double press right after the stop test belongs to the test."""


@dataclass(slots=True)
class StopButton:
    """One stop input. A press is SAFE_STOP, held it becomes ESTOP."""

    pressed_ns: int = 0
    """0: released."""

    def change(self, pressed: bool, now_ns: int) -> bool:
        """Take a press or release; True: newly pressed."""
        new = pressed and self.pressed_ns == 0
        if not pressed:
            self.pressed_ns = 0
        elif new:
            self.pressed_ns = now_ns
        return new

    def causes(self, now_ns: int, limits: Limits) -> int:
        """ESTOP once held long enough."""
        if self.pressed_ns and now_ns - self.pressed_ns >= limits.estop_hold_s * S:
            return mask(Cause.BEDSIDE_ESTOP)
        return 0


@dataclass(slots=True)
class StopTest:
    """The stop test of this power-on, by the input that does not run through the gateway."""

    done: bool = False
    until_ns: int = 0
    pressing: bool = False
    """The key is down as part of the test."""

    def is_test(self, powered: bool, still: bool, now_ns: int) -> bool:
        """Does this key press test the stop (and latch nothing)? Only with brakes on, no permit."""
        if still and powered and (not self.done or now_ns < self.until_ns):
            if not self.done:
                self.until_ns = now_ns + TEST_GRACE_NS
            self.done = True
            self.pressing = True
            return True
        return False

    def forget(self) -> None:
        """A new power-on asks for a new test."""
        self.done = False
        self.until_ns = 0


@dataclass(slots=True)
class BedsidePage:
    """Heartbeat of the bedside page as the gateway counts it."""

    session: int = 0
    beat: int = -1
    beat_ns: int = 0

    def update(self, g: GatewayStatus, now_ns: int) -> None:
        """Take the newest gateway status."""
        if g.bedside_session != self.session:
            self.session, self.beat, self.beat_ns = g.bedside_session, g.bedside_beat, now_ns
        elif g.bedside_beat != self.beat:
            self.beat, self.beat_ns = g.bedside_beat, now_ns

    def here(self, now_ns: int, limits: Limits) -> bool:
        """A page is joined and beats."""
        return self.session != 0 and now_ns - self.beat_ns <= limits.bedside_page_ms * MS

    def causes(self, g: GatewayStatus, now_ns: int, limits: Limits) -> int:
        """What is wrong with the page now."""
        if not self.here(now_ns, limits):
            return mask(Cause.BEDSIDE_PAGE_LOST)
        bits = 0
        if not g.bedside_visible:
            bits |= mask(Cause.BEDSIDE_PAGE_HIDDEN)
        if not g.bedside_sound:
            bits |= mask(Cause.BEDSIDE_SOUND_OFF)
        return bits


@dataclass(slots=True)
class LiftButton:
    """Hold-to-run: each repeat keeps it for `lift_hold_ms`."""

    until_ns: int = 0

    def change(self, pressed: bool, now_ns: int, limits: Limits) -> None:
        """Take a press (or repeat) or a release."""
        self.until_ns = now_ns + int(limits.lift_hold_ms * MS) if pressed else 0

    def held(self, now_ns: int) -> bool:
        """The button is held now."""
        return now_ns < self.until_ns
