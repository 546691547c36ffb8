"""The expert's hand, and the caps that bound what it may do to the probe. SI units."""

from __future__ import annotations

from dataclasses import dataclass

from haptics.vec import Vec, add, scale

EXTRAPOLATE_S = 0.02
"""The hand is extrapolated with its velocity for at most four command periods."""
WORKSPACE_1_S = 5.0
"""Speed towards a wall of the workspace per distance to it."""


@dataclass(frozen=True, slots=True)
class Hand:
    """The hand as the newest command tells it."""

    p_m: Vec
    r_rad: Vec
    v_m_s: Vec
    w_rad_s: Vec
    age_s: float
    clutch: bool

    def now(self) -> tuple[Vec, Vec]:
        """Position and tilt extrapolated to now."""
        ahead = max(0.0, min(EXTRAPOLATE_S, self.age_s))
        return add(self.p_m, scale(self.v_m_s, ahead)), add(self.r_rad, scale(self.w_rad_s, ahead))


@dataclass(frozen=True, slots=True)
class Caps:
    """What limits motion in this cycle."""

    v_m_s: float
    v_into_m_s: float
    """Cap of free motion towards the patient: the skin may be anywhere."""
    w_rad_s: float
    tilt_max_rad: float
    workspace_min_m: Vec
    workspace_max_m: Vec


def within_workspace(v_m_s: Vec, base_p_m: Vec, caps: Caps) -> Vec:
    """Reduce the parts of `v_m_s` (base frame) that lead out of the workspace."""
    return tuple(
        max(min(v, max(0.0, (high - p) * WORKSPACE_1_S)), min(0.0, (low - p) * WORKSPACE_1_S))
        for v, p, low, high in zip(
            v_m_s, base_p_m, caps.workspace_min_m, caps.workspace_max_m, strict=True
        )
    )
