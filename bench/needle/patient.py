"""Seeded patients: tissue, breathing, needle, registration, what must not be touched.

Ranges: haptics literature as in `robot_sim/needle/layers.py`; breathing 0.2 to 0.33 Hz with an
organ motion of 3 to 12 mm against the probe (Lujan 1999 shape, irregular); curvature 0.2 to 1.6 /m
(stiff biopsy needles 0.5 to 2); shaft in tissue 12 to 24 /m; targets 45 to 105 mm along the needle.
The guide reaches 160 mm from home, 110 mm into the patient. Registration noise: 1 mm and 0.5 deg
rms (norm) between guide and picture.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from robot_sim.needle.layers import Layer

MARGIN_M = 0.005
"""Least distance of the planned path to a vessel or bone (the plan is refused below it)."""
TILT_STRETCH = 1.0 / math.cos(math.radians(30.0))
"""The guide is at 30 degrees to the probe's axis."""


@dataclass(frozen=True, slots=True)
class Rod:
    """A vessel or bone that crosses the neighbourhood of the path."""

    name: str
    s_m: float
    """Depth at which it passes."""
    across_m: tuple[float, float]
    radius_m: float


@dataclass(frozen=True, slots=True)
class Patient:
    """Everything that is drawn; `registration` scales the registration noise."""

    seed: int
    layers: tuple[Layer, ...]
    target_m: float
    curvature_1_m: tuple[float, float]
    foundation_1_m: float
    offset_m: tuple[float, float]
    slope_rad: tuple[float, float]
    depth_error_m: float
    """Registration error along the needle."""
    breath_hz: float
    skin_m: float
    """Peak to peak of the skin."""
    organ_m: tuple[float, float, float]
    """Motion of the target at full inhalation (along the needle, in plane, off plane)."""
    rods: tuple[Rod, ...]


def draw(seed: int, registration: float = 1.0) -> Patient:
    """The patient with this number."""
    rng = random.Random(seed * 7919 + 11)
    stiff, tough = rng.lognormvariate(0.0, 0.35), rng.lognormvariate(0.0, 0.25)
    rub = rng.uniform(8.0, 28.0)
    fat_m, wall_m = rng.uniform(0.006, 0.022), rng.uniform(0.008, 0.018)
    layers = tuple(
        Layer(
            depth_m=depth_m,
            a1_n_m=a1 * stiff,
            a2_n_m2=a2 * stiff,
            puncture_n=min(6.0, puncture_n * tough),
            cutting_n=cutting_n * rng.uniform(0.7, 1.3),
            friction_n_m=rub * rng.uniform(0.8, 1.2),
            viscous_n_s_m2=rng.uniform(300.0, 1200.0),
        )
        for depth_m, a1, a2, puncture_n, cutting_n in (
            (0.0, 250.0, 6.0e4, 2.2, 0.5),
            (fat_m, 180.0, 4.0e4, 1.3, 0.7),
            (fat_m + wall_m, 120.0, 3.0e4, 1.6, 0.94),
        )
    )
    kappa, roll = rng.uniform(0.2, 1.6), rng.gauss(0.0, math.radians(5.0))
    sd_m, sd_rad = 0.001 / math.sqrt(3.0), math.radians(0.5) / math.sqrt(2.0)
    target_m = rng.uniform(max(0.045, (fat_m + wall_m) * TILT_STRETCH + 0.012), 0.105)
    return Patient(
        seed=seed,
        layers=layers,
        target_m=target_m,
        curvature_1_m=(kappa * math.cos(roll), kappa * math.sin(roll)),
        foundation_1_m=rng.uniform(12.0, 24.0),
        offset_m=(rng.gauss(0.0, sd_m * registration), rng.gauss(0.0, sd_m * registration)),
        slope_rad=(rng.gauss(0.0, sd_rad * registration), rng.gauss(0.0, sd_rad * registration)),
        depth_error_m=rng.gauss(0.0, sd_m * registration),
        breath_hz=rng.uniform(0.2, 0.33),
        skin_m=rng.uniform(0.004, 0.014),
        organ_m=_organ(rng),
        rods=tuple(_rod(rng, name, target_m) for name in ("vessel", "bone")),
    )


def _organ(rng: random.Random) -> tuple[float, float, float]:
    """Mostly head to foot: partly in the picture's plane, partly off it."""
    size = rng.uniform(0.003, 0.012)
    angle, along = rng.uniform(-math.pi, math.pi), rng.uniform(-0.4, 0.4)
    side = math.sqrt(1.0 - along * along)
    return size * along, size * side * math.cos(angle), size * side * math.sin(angle)


def _rod(rng: random.Random, name: str, target_m: float) -> Rod:
    radius_m = rng.uniform(0.003, 0.007)
    away_m = radius_m + rng.uniform(MARGIN_M, 0.012)
    side = rng.choice((-1.0, 1.0))
    share = rng.uniform(0.3, 0.85)
    return Rod(name, share * target_m, (side * away_m, rng.uniform(-0.002, 0.002)), radius_m)


@dataclass(slots=True)
class Breath:
    """Irregular breathing after Lujan 1999: share of full inhalation, at rest near exhalation."""

    rng: random.Random
    hz: float
    phase: float = 0.0
    depth: float = 1.0
    speed: float = 1.0
    rest: float = 0.0
    """Where this exhalation ends (it drifts)."""
    goes_to: float = 0.0

    def step(self, dt_s: float) -> float:
        """Let time pass; return the share."""
        self.phase += dt_s * self.hz * self.speed
        if self.phase >= 1.0:
            self.phase -= 1.0
            self.depth = self.rng.gauss(1.0, 0.12)
            self.speed = max(0.6, self.rng.gauss(1.0, 0.10))
            self.goes_to = self.rng.gauss(0.0, 0.03)
        self.rest += min(1.0, 2.0 * dt_s) * (self.goes_to - self.rest)
        return self.rest + self.depth * math.sin(math.pi * self.phase) ** 4
