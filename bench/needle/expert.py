"""The scripted expert at the needle: advances, watches tip and target, re-aims, stops, lets go.

Decides ten times a second on pictures that are a reaction time old, as a person does; the aiming
aid (`haptics/needle/aim.py`) turns what is seen into a pivot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.needle.picture import Frame
from haptics.needle.aim import Aim

DECIDE_NS = 100_000_000
REACTION_NS = 250_000_000
FAST_M_S = 0.004
NEAR_M = 0.006
"""From here on the needle goes slowly."""
SLOW_M_S = 0.0015
DONE_M = 0.0004
CLOSE_S = 0.6
"""Time in which a correction is made."""
TURN_DEAD_RAD = 0.0015
LOST_M = 0.0045
"""A tip that cannot come closer than this is given up: withdraw, a second attempt."""
GENTLE_S = 1.0
"""Let go of "advance" for this long when the robot blocked it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the console page shows besides the picture."""

    s_m: float
    """Depth of the axis below the planned entry point."""
    turned_rad: float
    advance: bool
    gate: float


@dataclass(slots=True)
class NeedleExpert:
    """`compensate` False: no re-aiming."""

    goal_m: float
    compensate: bool = True
    aim: Aim = field(default_factory=Aim)
    v_m_s: float = 0.0
    turn_rad_s: float = 0.0
    done: bool = False
    gave_up: bool = False
    frames: list[Frame] = field(default_factory=list)
    decided_ns: int = 0
    rest_until_ns: int = 0
    left_m: float = 1.0
    """Smoothed distance that the tip still has to go."""
    aimed_rad: float = 0.0

    def present(self, frame: Frame) -> None:
        """A picture came on screen."""
        self.frames = [*self.frames[-12:], frame]

    def decide(self, now_ns: int, told: Told) -> None:
        """Set `v_m_s` and `turn_rad_s` for the time until the next decision."""
        if now_ns - self.decided_ns < DECIDE_NS or self.done:
            return
        self.decided_ns = now_ns
        self.aim.moved(max(0.0, told.s_m), told.turned_rad - self.aimed_rad)
        self.aimed_rad = told.turned_rad
        seen = [f for f in self.frames if f.acquired_ns <= now_ns - REACTION_NS]
        # Without a gate the target swings: an expert compares within one picture.
        if seen and seen[-1].visible and told.gate > 0.3:
            self.aim.saw(seen[-1].tip_n_m - seen[-1].target_n_m)
        self._advance(now_ns, told, seen[-1] if seen else None)
        self._turn(told)

    def _advance(self, now_ns: int, told: Told, frame: Frame | None) -> None:
        left = self.goal_m - told.s_m
        if frame is not None and frame.visible:
            left = frame.target_s_m - frame.tip_s_m - self.v_m_s * told.gate * REACTION_NS / 1e9
        gain = 0.25 if told.gate > 0.3 else 0.0
        self.left_m = left if self.left_m >= 1.0 else self.left_m + gain * (left - self.left_m)
        if self.left_m < DONE_M and told.s_m > 0.5 * self.goal_m:
            self.v_m_s, self.done = 0.0, True
        elif not told.advance and self.v_m_s > 0.0 and now_ns > self.rest_until_ns:
            # Blocked: let go, then press again.
            self.rest_until_ns = now_ns + round(GENTLE_S * 1e9)
            self.v_m_s = 0.0
        elif now_ns >= self.rest_until_ns:
            self.v_m_s = FAST_M_S if self.left_m > NEAR_M else SLOW_M_S

    def _turn(self, told: Told) -> None:
        self.turn_rad_s = 0.0
        if not self.compensate or self.done:
            return
        turn = self.aim.correction_rad(self.goal_m, 0.0)
        if abs(turn) > TURN_DEAD_RAD:
            self.turn_rad_s = turn / CLOSE_S
        late = told.s_m > 0.6 * self.goal_m
        if late and abs(self.aim.arrives_m(self.goal_m)) > LOST_M and abs(turn) <= TURN_DEAD_RAD:
            self.gave_up = self.done = True
            self.v_m_s = 0.0
