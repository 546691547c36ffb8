"""The generated freehand motion has the published statistics."""

from __future__ import annotations

import numpy as np
import pytest

from teleop.scripted.freehand import CONSULTANT, FELLOW, Freehand, Sonographer, band_speeds

DT_S = 0.002


@pytest.mark.parametrize("who", [CONSULTANT, FELLOW])
@pytest.mark.parametrize("seed", [1, 2])
def test_mean_speed_acceleration_and_jerk_are_those_of_sonographers(
    who: Sonographer, seed: int
) -> None:
    path = Freehand(seed, who)
    p = np.array([path.at(i * DT_S).p_m for i in range(30_000)])
    means = []
    for _ in range(3):
        p = np.diff(p, axis=0) / DT_S
        means.append(float(np.linalg.norm(p, axis=1).mean()))
    expected = (who.speed_m_s, who.acceleration_m_s2, who.jerk_m_s3)
    assert means == pytest.approx(expected, rel=0.2)  # published spread: 26 %


def test_it_starts_at_rest_position_and_is_the_same_for_the_same_seed() -> None:
    assert Freehand(3).at(0.0).p_m == (0.0, 0.0, 0.0)
    assert Freehand(3).at(7.0) == Freehand(3).at(7.0) != Freehand(4).at(7.0)


def test_means_that_no_mixture_has_are_refused() -> None:
    with pytest.raises(ValueError, match="no mixture"):
        band_speeds(Sonographer(0.01, 10.0, 1.0))
