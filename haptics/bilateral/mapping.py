"""From the grip to the hand that commands carry: scale, clutch, re-engagement. Never a jump.

The hand is accumulated from the grip's increments, never set: whatever the grip does while it is
disengaged, the hand stays. On each engagement (dead-man or clutch) the increments fade in over
0.3 s. Position scale 0.2 to 1, force scale 0.3 to 1, their product limited, because it is the loop
gain that a surface sees through the coupling (da Vinci research kit: 0.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum

from haptics.bilateral.errors import ScaleError
from haptics.bilateral.handle import HandleState
from haptics.bilateral.one_euro import LAG_MAX_S, LAG_MIN_S, OneEuro, for_orientation
from haptics.vec import ZERO, Vec, add, capped, exp, log, multiply, norm, scale, sub, transpose

MOTION_SCALE = (0.2, 1.0)
FORCE_SCALE = (0.3, 1.0)
PRODUCT_MAX = 0.5
"""Of the two scales: the range in which passivity-controlled reflection was found stable."""
ENGAGE_RAMP_S = 0.3
ENGAGE_V_M_S = 0.020
"""A press counts only with a hand slower than this (as guard's `engage_hand_v_m_s`)."""
MOVED_M = 0.005
MOVED_RAD = math.radians(5.0)
"""Probe motion since the release beyond which the first press is refused: look again first."""
V_MAX_M_S = 0.3
"""Range of the velocity on the wire (i16 at 1e-5 m/s)."""


class Block(IntEnum):
    """Why the grip's dead-man does not count (`handle.BLOCK` of the text table)."""

    NONE = 0
    RELEASED = 1
    """The grip is not pressed."""
    HAND_MOVING = 2
    """It was pressed by a moving hand: hold still, then press."""
    PROBE_MOVED = 3
    """The probe moved since it was let go: look, then press again."""
    PICTURE = 4
    """The picture on screen is not current, or the window is hidden."""
    PATH = 5
    """No connection to the robot."""
    LINK_OFF = 6
    """The link is too slow or too lossy for a haptic hand."""
    HANDLE = 7
    """The handle failed."""


@dataclass(frozen=True, slots=True)
class Scales:
    """How grip and robot compare."""

    motion: float = 0.5
    """Robot motion per grip motion."""
    force: float = 0.5
    """Felt force per robot force."""

    def __post_init__(self) -> None:
        """Refuse what would make the coupling too tight, naming value and range."""
        for name, value, (low, high) in (
            ("motion scale", self.motion, MOTION_SCALE),
            ("force scale", self.force, FORCE_SCALE),
        ):
            if not low <= value <= high:
                raise ScaleError(f"{name} {value} is outside {low} to {high}")
        if self.motion * self.force > PRODUCT_MAX + 1e-9:
            raise ScaleError(
                f"motion scale {self.motion} times force scale {self.force} is "
                f"{self.motion * self.force:.2f}, above {PRODUCT_MAX}: lower one of them"
            )


@dataclass(slots=True)
class Mapping:
    """The accumulated hand, and its filters."""

    scales: Scales
    p_m: Vec = ZERO
    r_rad: Vec = ZERO
    v_m_s: Vec = ZERO
    w_rad_s: Vec = ZERO
    ramp: float = 0.0
    """Share of the grip's increments that count, 0..1."""
    _position: OneEuro = field(default_factory=OneEuro)
    _turn: OneEuro = field(default_factory=for_orientation)
    _grip_p_m: Vec = ZERO
    _grip_r_rad: Vec = ZERO

    def update(self, grip: HandleState, engaged: bool, dt_s: float) -> None:
        """Advance by one cycle; a hand that is not engaged (or clutched) rests."""
        p, r = self._position.update(grip.p_m, dt_s), self._turn.update(grip.r_rad, dt_s)
        moved, turned = sub(p, self._grip_p_m), self._turned(r)
        self._grip_p_m, self._grip_r_rad = p, r
        if not engaged or dt_s <= 0.0:
            self.ramp, self.v_m_s, self.w_rad_s = 0.0, ZERO, ZERO
            return
        gain = self.scales.motion * self.ramp
        self.ramp = min(1.0, self.ramp + dt_s / ENGAGE_RAMP_S)
        step = capped(scale(moved, gain), V_MAX_M_S * dt_s)
        self.p_m = add(self.p_m, step)
        self.r_rad = add(self.r_rad, scale(turned, self.ramp))
        self.v_m_s = scale(step, 1.0 / dt_s)
        self.w_rad_s = scale(turned, self.ramp / dt_s)

    def allow_lag(self, lag_max_s: float) -> None:
        """Bound the lag of both filters in motion."""
        bound = max(LAG_MIN_S, min(LAG_MAX_S, lag_max_s))
        self._position.lag_max_s = self._turn.lag_max_s = bound

    @property
    def counted_lag_s(self) -> float:
        """Filter lag that counts in the age of a command (s)."""
        return max(self._position.counted_lag_s, self._turn.counted_lag_s)

    def _turned(self, r_rad: Vec) -> Vec:
        """Rotation since the last cycle, in the grip's own frame (rad)."""
        return log(multiply(transpose(exp(self._grip_r_rad)), exp(r_rad)))


@dataclass(slots=True)
class Engagement:
    """The grip's dead-man: edges, and presses that do not count."""

    held: bool = False
    """Level as sent to the robot."""
    edges: int = 0
    reason: Block = Block.RELEASED
    """Why it is not held."""
    _down: bool = True
    """Grip's level in the last cycle; starts as pressed, so that it must be let go first."""
    _probe_p_m: Vec | None = None
    _probe_r_rad: Vec = ZERO

    def update(self, grip: HandleState, block: Block, probe_p_m: Vec, probe_r_rad: Vec) -> bool:
        """Take the grip and what forbids driving; return the level."""
        pressed = grip.deadman and not self._down
        self._down = grip.deadman
        if block and (self.held or pressed):
            self._release(block, probe_p_m, probe_r_rad)
        elif not grip.deadman and self.held:
            self._release(Block.RELEASED, probe_p_m, probe_r_rad)
        elif pressed:
            self._press(grip, probe_p_m, probe_r_rad)
        return self.held

    def _press(self, grip: HandleState, probe_p_m: Vec, probe_r_rad: Vec) -> None:
        if norm(grip.v_m_s) > ENGAGE_V_M_S:
            self.reason = Block.HAND_MOVING
            return
        if self._probe_p_m is not None and self._moved(probe_p_m, probe_r_rad):
            self.reason = Block.PROBE_MOVED
            self._probe_p_m = None  # seen now: the next press counts
            return
        self.held, self.reason = True, Block.NONE
        self.edges = (self.edges + 1) & 0xFFFF

    def _release(self, reason: Block, probe_p_m: Vec, probe_r_rad: Vec) -> None:
        if self.held:
            self._probe_p_m, self._probe_r_rad = probe_p_m, probe_r_rad
        self.held, self.reason = False, reason

    def _moved(self, probe_p_m: Vec, probe_r_rad: Vec) -> bool:
        """The probe is not where it was when the grip was let go."""
        assert self._probe_p_m is not None
        turned = log(multiply(transpose(exp(self._probe_r_rad)), exp(probe_r_rad)))
        return norm(sub(probe_p_m, self._probe_p_m)) > MOVED_M or norm(turned) > MOVED_RAD
