"""Vessels, nodules, cysts and bones as one table of numbers for the ray caster (pure)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from robot_sim.ultrasound.anatomy import Anatomy, Bone, Ellipsoid, Tissue, Vessel

ROD, ELLIPSOID = 0, 1
COLUMNS = 12
"""kind, tissue, wall tissue, a (3), direction or radii (3), radius, wall, 1 / length^2."""
_RADIUS = 9
SMALL_VESSEL_REGION_M = ((-0.09, -0.12, -0.15), (0.09, 0.12, -0.036))


class Shapes:
    """The table at rest, and how it changes with the heartbeat."""

    def __init__(self, anatomy: Anatomy, seed: int) -> None:
        vessels = (*_small_vessels(anatomy.small_vessels, seed), *anatomy.vessels)
        rows = [_rod(v, Tissue.BLOOD, Tissue.WALL, v.wall_m) for v in vessels]
        rows += [_ellipsoid(n, Tissue.NODULE) for n in anatomy.nodules]
        rows += [_ellipsoid(c, Tissue.FLUID) for c in anatomy.cysts]
        rows += [_rod(b, Tissue.BONE, Tissue.BONE, 0.0) for b in anatomy.bones]
        self._rest = np.array(rows, np.float64).reshape(len(rows), COLUMNS)
        self._pulse = np.zeros(len(rows))
        self._pulse[: len(vessels)] = [v.pulse for v in vessels]
        self._heart_hz = anatomy.heart_rate_hz

    def at(self, now_ns: int) -> NDArray[np.float64]:
        """The table at `now_ns`: arteries widen quickly and fall back slowly."""
        period_ns = round(1e9 / self._heart_hz)
        beat = (now_ns % period_ns) / period_ns
        wave = math.sin(math.pi * min(1.0, beat / 0.3)) if beat < 0.3 else 0.0
        table = self._rest.copy()
        table[:, _RADIUS] *= 1.0 + self._pulse * wave
        return table


def _rod(rod: Vessel | Bone, inside: Tissue, wall: Tissue, wall_m: float) -> list[float]:
    direction = [b - a for a, b in zip(rod.start_m, rod.end_m, strict=True)]
    length2 = sum(d * d for d in direction)
    return [
        ROD, inside, wall, *rod.start_m, *direction, rod.radius_m, wall_m, 1.0 / length2
    ]  # fmt: skip


def _ellipsoid(shape: Ellipsoid, tissue: Tissue) -> list[float]:
    return [ELLIPSOID, tissue, tissue, *shape.center_m, *shape.radii_m, max(shape.radii_m), 0, 0]


def _small_vessels(count: int, seed: int) -> list[Vessel]:
    """Random short vessels of 0.7 to 2 mm in the liver, half of them with bright walls."""
    rng = np.random.default_rng(seed + 7)
    low, high = (np.array(corner) for corner in SMALL_VESSEL_REGION_M)
    out = []
    for number in range(count):
        start = rng.uniform(low, high)
        way = rng.standard_normal(3) * (1.0, 1.0, 0.5)
        end = start + way / np.linalg.norm(way) * rng.uniform(0.02, 0.06)
        end[2] = min(end[2], high[2])
        out.append(
            Vessel(
                start_m=(float(start[0]), float(start[1]), float(start[2])),
                end_m=(float(end[0]), float(end[1]), float(end[2])),
                radius_m=float(rng.uniform(0.0007, 0.002)),
                wall_m=0.0007 if number % 2 else 0.0,
            )
        )
    return out
