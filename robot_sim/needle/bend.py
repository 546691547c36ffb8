"""Path of a bevel tip: a unicycle of constant curvature (Webster 2006), turned by a pivot.

Coordinates of one insertion: s along the guide's axis from the entry point, two deviations across
it: in the guide's plane and off it (m). Deviations are in tissue coordinates: what matters for a
target. Elastic parts (pivot, sideways motion of the tissue) arrive at the tip as `beam.tip_follows`
says; they are applied as increments, so that the path cut so far becomes the new rest shape.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.needle.beam import tip_follows

STEP_M = 0.0005
"""Spacing of the remembered path."""
Pair = tuple[float, float]
"""(in the guide's plane, off it)."""
NONE: Pair = (0.0, 0.0)


@dataclass(slots=True)
class TipPath:
    """The tip of one insertion."""

    curvature_1_m: Pair
    foundation_1_m: float
    s_m: float = 0.0
    across_m: Pair = NONE
    slope_rad: Pair = NONE
    trail: list[tuple[float, Pair, Pair]] = field(default_factory=list)
    """(s, across, slope) each `STEP_M`: what the needle went through."""

    def start(self, across_m: Pair = NONE, slope_rad: Pair = NONE) -> None:
        """At the entry point, with the guide's true offset and direction."""
        self.s_m, self.across_m, self.slope_rad = 0.0, across_m, slope_rad
        self.trail = [(0.0, across_m, slope_rad)]

    def move_to(self, s_m: float) -> None:
        """Advance along the curve, or go back through what was cut."""
        if s_m <= self.s_m:
            self._back_to(max(0.0, s_m))
            return
        while self.s_m < s_m:
            ds = min(STEP_M, s_m - self.s_m)
            self.across_m = _along(self.across_m, self.slope_rad, self.curvature_1_m, ds)
            self.slope_rad = (
                self.slope_rad[0] + self.curvature_1_m[0] * ds,
                self.slope_rad[1] + self.curvature_1_m[1] * ds,
            )
            self.s_m += ds
            if not self.trail or self.s_m - self.trail[-1][0] >= STEP_M:
                self.trail.append((self.s_m, self.across_m, self.slope_rad))

    def pivot(self, turn_rad: float) -> None:
        """The guide turned about the entry point, in its plane."""
        offset, slope = tip_follows(self.foundation_1_m, self.s_m)
        self.across_m = (self.across_m[0] + offset * self.s_m * turn_rad, self.across_m[1])
        self.slope_rad = (self.slope_rad[0] + slope * turn_rad, self.slope_rad[1])

    def tissue_moved(self, moved_m: Pair) -> None:
        """Tissue at the tip moved across the guide's axis; a stiff shaft stays behind."""
        offset, _ = tip_follows(self.foundation_1_m, self.s_m)
        self.across_m = (
            self.across_m[0] - offset * moved_m[0],
            self.across_m[1] - offset * moved_m[1],
        )

    def _back_to(self, s_m: float) -> None:
        """Back along the curve; what a pivot added shrinks with the length that is left."""
        while len(self.trail) > 1 and self.trail[-1][0] > s_m:
            self.trail.pop()
        ds = s_m - self.s_m
        self.across_m = _along(self.across_m, self.slope_rad, self.curvature_1_m, ds)
        self.slope_rad = (
            self.slope_rad[0] + self.curvature_1_m[0] * ds,
            self.slope_rad[1] + self.curvature_1_m[1] * ds,
        )
        self.s_m = s_m


def _along(across: Pair, slope: Pair, curvature: Pair, ds: float) -> Pair:
    half = 0.5 * ds * ds
    return (
        across[0] + slope[0] * ds + curvature[0] * half,
        across[1] + slope[1] * ds + curvature[1] * half,
    )
