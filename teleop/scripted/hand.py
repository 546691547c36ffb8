"""The scripted expert's hand: a path over scan time, played with smooth starts and stops.

View frame of the probe (`Command.hand_p_m`): x lateral, y elevational, in m and rad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from safety.layout import Vec3
from transport.impair import Noise

SONOGRAPHER_M_S = 0.0129
"""Mean speed of consultants scanning (PubMed 38705008, see docs/control.md)."""
RATE_SLEW_PER_S = 2.5
"""How fast playing speeds up and slows down, in units of the recorded speed per second."""
_ZERO = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class HandPose:
    """Where the hand is."""

    p_m: Vec3
    r_rad: Vec3


@dataclass(frozen=True, slots=True)
class Hand:
    """The hand as it rides on a command."""

    p_m: Vec3 = _ZERO
    r_rad: Vec3 = _ZERO
    v_m_s: Vec3 = _ZERO
    w_rad_s: Vec3 = _ZERO


class Path(Protocol):
    """A hand motion over scan time."""

    @property
    def length_s(self) -> float:
        """Duration; math.inf for a path without an end."""

    def at(self, s: float) -> HandPose:
        """Pose at scan time `s` (s), continuous, at rest position for s = 0."""


class Sweep:
    """A seeded smooth sweep over the belly with gentle rocking, at a sonographer's mean speed."""

    length_s = math.inf

    def __init__(self, seed: int, mean_speed_m_s: float = SONOGRAPHER_M_S) -> None:
        noise = Noise(seed)
        signs = [1.0 if noise.uniform() < 0.5 else -1.0 for _ in range(4)]
        vary = [0.9 + 0.2 * noise.uniform() for _ in range(4)]
        # amplitude (m or rad), angular frequency (rad/s at clock 1): x, y, tilt about x, about y
        base = ((0.018, 0.65), (0.030, 0.36), (0.06, 0.45), (0.05, 0.55))
        self._waves = [(sign * a, w * v) for (a, w), sign, v in zip(base, signs, vary, strict=True)]
        self._clock = 1.0
        self._clock = mean_speed_m_s / self._mean_speed()

    def at(self, s: float) -> HandPose:
        """Pose at scan time `s`."""
        x, y, rx, ry = (a * math.sin(w * self._clock * s) for a, w in self._waves)
        return HandPose((x, y, 0.0), (rx, ry, 0.0))

    def _mean_speed(self, span_s: float = 120.0, step_s: float = 0.05) -> float:
        steps = int(span_s / step_s)
        points = [self.at(i * step_s).p_m for i in range(steps + 1)]
        pairs = zip(points[1:], points, strict=False)
        return sum(math.dist(a, b) for a, b in pairs) / span_s


class Player:
    """Plays a path forth and back; a resting hand keeps its pose and reports no speed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._s = 0.0
        self._rate = 0.0
        self._direction = 1.0
        self.hand = Hand()
        self.travelled_m = 0.0

    def advance(self, dt_s: float, moving: bool) -> Hand:
        """Move on by `dt_s`; `moving` False brings the hand to rest."""
        if dt_s <= 0.0:
            return self.hand
        self._turn_at_the_ends()
        target = self._direction if moving else 0.0
        slew = RATE_SLEW_PER_S * dt_s
        self._rate += max(-slew, min(slew, target - self._rate))
        self._s = min(max(self._s + self._rate * dt_s, 0.0), self._path.length_s)
        pose = self._path.at(self._s)
        old = self.hand
        self.travelled_m += math.dist(pose.p_m, old.p_m)
        self.hand = Hand(
            pose.p_m,
            pose.r_rad,
            tuple((b - a) / dt_s for a, b in zip(old.p_m, pose.p_m, strict=True)),
            tuple((b - a) / dt_s for a, b in zip(old.r_rad, pose.r_rad, strict=True)),
        )
        return self.hand

    def _turn_at_the_ends(self) -> None:
        """Turn early enough to come to rest at the end of the recording."""
        braking_s = 0.5 / RATE_SLEW_PER_S
        if self._direction > 0 and self._s > self._path.length_s - braking_s:
            self._direction = -1.0
        elif self._direction < 0 and self._s < braking_s:
            self._direction = 1.0
