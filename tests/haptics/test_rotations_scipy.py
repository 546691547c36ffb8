"""Rotations against SciPy's, to 1e-9: independent code for exp, log, quaternions and angles."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from haptics import vec
from haptics.kinematics import rpy, turn_z
from haptics.vec import Mat, Vec

COUNT = 2000
CLOSE = 1e-9
ANGLES = (0.0, 1e-12, 1e-7, 1e-4, 0.3, 1.5, math.pi / 2, 3.0, math.pi - 1e-4, math.pi)
"""Where series, square roots and branches change over."""


def axes(seed: int, count: int = COUNT) -> list[Vec]:
    rng = random.Random(seed)
    found: list[Vec] = [(1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0)]
    while len(found) < count:
        v = (rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))
        found.append(vec.scale(v, 1.0 / vec.norm(v)))
    return found


def turns(seed: int) -> list[Vec]:
    """Rotation vectors: special angles first, then any up to pi."""
    rng = random.Random(seed)
    return [
        vec.scale(axis, ANGLES[i % len(ANGLES)] if i < COUNT // 2 else rng.uniform(0.0, math.pi))
        for i, axis in enumerate(axes(seed))
    ]


def rows(rotation: Rotation) -> Mat:
    a, b, c = (tuple(row) for row in rotation.as_matrix().tolist())
    return a, b, c


def matrix(turn: Vec) -> Mat:
    return rows(Rotation.from_rotvec(turn))


def far(a: Mat, b: Mat) -> float:
    return float(np.abs(np.array(a) - np.array(b)).max())


def test_exp() -> None:
    assert max(far(vec.exp(turn), matrix(turn)) for turn in turns(1)) < CLOSE


def test_log_turns_the_same_way() -> None:
    for turn in turns(2):
        ours = vec.log(matrix(turn))
        assert vec.norm(ours) <= math.pi + CLOSE
        if vec.norm(turn) < math.pi - 1e-6:
            assert vec.norm(vec.sub(ours, turn)) < CLOSE, turn
        else:  # at half a turn both axes are right
            assert far(matrix(ours), matrix(turn)) < CLOSE, turn


def test_quaternions_both_ways() -> None:
    for turn in turns(3):
        theirs = tuple(Rotation.from_rotvec(turn).as_quat().tolist())
        assert far(vec.from_quat(theirs), matrix(turn)) < CLOSE
        ours = vec.to_quat(matrix(turn))
        assert abs(abs(sum(a * b for a, b in zip(ours, theirs, strict=True))) - 1.0) < CLOSE
        assert far(vec.from_quat(ours), matrix(turn)) < CLOSE


@pytest.mark.parametrize("seed", [4, 5])
def test_products_and_what_they_turn(seed: int) -> None:
    a, b = turns(seed), turns(seed + 10)
    for first, second, point in zip(a, b, axes(seed + 20), strict=True):
        theirs = Rotation.from_rotvec(first) * Rotation.from_rotvec(second)
        ours = vec.multiply(matrix(first), matrix(second))
        assert far(ours, rows(theirs)) < CLOSE
        assert vec.norm(vec.sub(vec.apply(ours, point), tuple(theirs.apply(point)))) < CLOSE
        back = tuple(theirs.inv().apply(point))
        assert vec.norm(vec.sub(vec.apply_transposed(ours, point), back)) < CLOSE


def test_roll_pitch_yaw_and_turns_about_z() -> None:
    rng = random.Random(6)
    for _ in range(COUNT):
        roll, pitch, yaw = (rng.uniform(-math.pi, math.pi) for _ in range(3))
        theirs = Rotation.from_euler("xyz", (roll, pitch, yaw))
        assert far(rpy(roll, pitch, yaw), rows(theirs)) < CLOSE
        turned = theirs * Rotation.from_euler("z", yaw)
        ours = turn_z(rpy(roll, pitch, yaw), yaw)
        assert far(ours, rows(turned)) < CLOSE


def test_orthonormal_repairs_what_rounding_did() -> None:
    rng = random.Random(7)
    for turn in turns(7)[:500]:
        a, b, c = (tuple(x + rng.uniform(-1e-6, 1e-6) for x in row) for row in matrix(turn))
        repaired = vec.orthonormal((a, b, c))
        assert far(vec.multiply(repaired, vec.transpose(repaired)), vec.EYE) < CLOSE
        assert far(repaired, matrix(turn)) < 1e-5
