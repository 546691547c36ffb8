"""Where the tip will end, from where it is seen: curvature and guide error, and how to re-aim.

The deviation of a bevel needle in the guide's plane is n(s) = n0 + psi0 s + kappa s^2 / 2 plus what
pivoting added (`beam.tip_follows`). Offset n0 and angle psi0 are the registration error between
guide and picture, kappa the curvature of the bevel. All three are estimated by Bayesian least
squares from the tip as seen in the picture; the prior is what is known before the first picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.needle.beam import tip_follows

NOMINAL_FOUNDATION_1_M = 18.0
"""18 G steel in soft tissue; true values of 10 to 25 /m change the correction by a third."""
NOMINAL_CURVATURE_1_M = 0.8
"""Stiff biopsy needles with a 20 degree bevel: 0.5 to 2 /m."""
PRIOR_SD = (0.0008, 0.012, 0.6)
"""Standard deviation of n0 (m), psi0 (rad), kappa (1/m) before anything was seen."""
SEEN_SD_M = 0.0006
"""Of one sighting of the tip (pixel 0.3 mm, lateral resolution 1 to 2 mm at depth)."""
PIVOT_MAX_RAD = 0.07
"""4 degrees to either side: 7 mm at 100 mm, and the skin stretches by less than 2 mm."""
LEVER_MIN_M = 0.01


def _start() -> list[list[float]]:
    return [[1.0 / PRIOR_SD[i] ** 2 if i == j else 0.0 for j in range(3)] for i in range(3)]


@dataclass(slots=True)
class Aim:
    """Estimator and corrector of one insertion."""

    foundation_1_m: float = NOMINAL_FOUNDATION_1_M
    information: list[list[float]] = field(default_factory=_start)
    weighted: list[float] = field(
        default_factory=lambda: [0.0, 0.0, NOMINAL_CURVATURE_1_M / PRIOR_SD[2] ** 2]
    )
    turned_rad: float = 0.0
    """Pivot so far."""
    turned_m: float = 0.0
    """What pivoting added to the tip's deviation at the present depth."""
    turned_slope_rad: float = 0.0
    s_m: float = 0.0

    def moved(self, s_m: float, turn_rad: float) -> None:
        """The needle is at `s_m`, and the guide turned by `turn_rad` since the last call."""
        self.turned_m += self.turned_slope_rad * (s_m - self.s_m)
        self.s_m = s_m
        offset, slope = tip_follows(self.foundation_1_m, s_m)
        self.turned_rad += turn_rad
        self.turned_m += offset * s_m * turn_rad
        self.turned_slope_rad += slope * turn_rad

    def saw(self, across_m: float, sd_m: float = SEEN_SD_M) -> None:
        """The tip is seen this far beside the guide's line (m), at the present depth."""
        row = (1.0, self.s_m, 0.5 * self.s_m * self.s_m)
        weight = 1.0 / (sd_m * sd_m)
        value = across_m - self.turned_m
        for i in range(3):
            for j in range(3):
                self.information[i][j] += weight * row[i] * row[j]
            self.weighted[i] += weight * row[i] * value

    def estimate(self) -> tuple[float, float, float]:
        """n0 (m), psi0 (rad), kappa (1/m)."""
        return _solve3(self.information, self.weighted)

    def arrives_m(self, goal_m: float) -> float:
        """Predicted deviation of the tip when it has reached the depth `goal_m`."""
        n0, psi0, kappa = self.estimate()
        free = n0 + psi0 * goal_m + 0.5 * kappa * goal_m * goal_m
        return free + self.turned_m + self.turned_slope_rad * (goal_m - self.s_m)

    def correction_rad(self, goal_m: float, wanted_m: float) -> float:
        """Pivot that brings the tip to `wanted_m` beside the guide's line at the depth `goal_m`."""
        offset, slope = tip_follows(self.foundation_1_m, self.s_m)
        lever = offset * self.s_m + slope * max(0.0, goal_m - self.s_m)
        if lever < LEVER_MIN_M:
            return 0.0
        turn = (wanted_m - self.arrives_m(goal_m)) / lever
        whole = max(-PIVOT_MAX_RAD, min(PIVOT_MAX_RAD, self.turned_rad + turn))
        return whole - self.turned_rad


def _solve3(matrix: list[list[float]], vector: list[float]) -> tuple[float, float, float]:
    """Cramer's rule: symmetric positive definite by the prior."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    det = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    x, y, z = vector
    return (
        (x * (e * i - f * h) - b * (y * i - f * z) + c * (y * h - e * z)) / det,
        (a * (y * i - f * z) - x * (d * i - f * g) + c * (d * z - y * g)) / det,
        (a * (e * z - y * h) - b * (d * z - y * g) + x * (d * h - e * g)) / det,
    )
