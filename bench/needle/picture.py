"""What the expert sees of needle and target, as numbers: late, noisy, and only in the plane."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

TIP_SD_M = 0.0006
"""White part of one sighting of the tip."""
BIAS_SD_M = 0.0004
"""What stays wrong for one patient: centre of the target, artefact at the tip (each axis)."""
DRIFT_SD_M, DRIFT_S = 0.0003, 0.5
"""Speckle around the tip changes slowly."""
VISIBLE_M = 0.004
"""The tip is told from the skin's echo below this depth."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: tip relative to the target's planned place, guide coordinates (m)."""

    acquired_ns: int
    tip_s_m: float
    tip_n_m: float
    target_s_m: float
    target_n_m: float
    visible: bool


@dataclass(slots=True)
class Eye:
    """Draws the frames."""

    rng: random.Random
    bias_s_m: float = 0.0
    bias_n_m: float = 0.0
    drift_m: float = 0.0

    def __post_init__(self) -> None:
        self.bias_s_m = self.rng.gauss(0.0, BIAS_SD_M)
        self.bias_n_m = self.rng.gauss(0.0, BIAS_SD_M)

    def look(
        self, now_ns: int, dt_s: float, tip: tuple[float, float], target: tuple[float, float]
    ) -> Frame:
        """One frame of the truth (s, n) of tip and target."""
        keep = math.exp(-dt_s / DRIFT_S)
        fresh = DRIFT_SD_M * math.sqrt(1.0 - keep * keep)
        self.drift_m = keep * self.drift_m + self.rng.gauss(0.0, fresh)
        return Frame(
            now_ns,
            tip[0] + self.rng.gauss(0.0, TIP_SD_M),
            tip[1] + self.rng.gauss(0.0, TIP_SD_M) + self.drift_m,
            target[0] + self.bias_s_m,
            target[1] + self.bias_n_m,
            tip[0] > VISIBLE_M,
        )
