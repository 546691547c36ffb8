"""What the two force laws along the probe axis share: sample, command, options, reference ramp.

Both laws implement `AxisForce`: `haptics/admittance.py` for position and velocity arms,
`haptics/explicit_force.py` for torque arms. Speeds and forces are positive into the patient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from haptics.filters import slew
from haptics.stiffness import StiffnessEstimate

TAU_REF_S = 0.13
"""Ramp of a rising reference: without it a touch overshoots by 37 % and more."""
TAU_LOWER_S = 0.03
"""A falling one is followed at once (a patient who says that it hurts); 12 dB below the loop."""
REF_SLEW_N_S = 30.0


@dataclass(frozen=True, slots=True)
class ForceOptions:
    """Parts of the method that a bench may switch off; alignment, which a site may switch on."""

    adapt: bool = True
    """Online stiffness estimate; off: the prior is used for every tissue."""
    feed_forward: bool = True
    """Motion of the surface under the probe (breathing, scanning over relief) is anticipated."""
    ramp: bool = True
    """Ramped reference with a bumpless start."""
    integrate: bool = True
    """Integral of the force error."""
    align: bool = False
    """Turn the probe axis to the surface normal."""


@dataclass(frozen=True, slots=True)
class AxisSample:
    """What a law may look at in one cycle."""

    force_n: float
    v_m_s: float
    """Measured speed of the probe."""
    surface_m_s: float
    """Estimated speed of the undeformed surface under the probe; 0 without feed-forward."""
    mass_kg: float
    """Effective mass of the arm along the axis; 0 where the arm takes velocities."""
    v_min_m_s: float
    v_max_m_s: float
    dt_s: float
    integrate: bool


@dataclass(frozen=True, slots=True)
class AxisCommand:
    """Speed for an arm that takes velocities, force for one that takes torques."""

    v_m_s: float
    effort_n: float | None = None


class AxisForce(Protocol):
    """A force law along the probe axis."""

    reference_n: float
    stiffness: StiffnessEstimate

    def engage(self, force_n: float) -> None:
        """Begin (again) without a bump: the reference starts at the measured force."""

    def ramp(self, goal_n: float, dt_s: float) -> float:
        """Move the reference towards `goal_n`; return it."""

    def command(self, sample: AxisSample) -> AxisCommand:
        """Decide one cycle."""

    def retreat_m_s(self, over_n: float) -> float:
        """Speed (positive) that takes back a force that is `over_n` too large."""


def ramped(reference_n: float, goal_n: float, dt_s: float, *, smooth: bool) -> float:
    """Next value of a reference on its way to `goal_n`."""
    if not smooth:
        return goal_n
    tau_s = TAU_REF_S if goal_n > reference_n else TAU_LOWER_S
    wanted = reference_n + (1.0 - math.exp(-dt_s / tau_s)) * (goal_n - reference_n)
    rising = REF_SLEW_N_S * dt_s
    return slew(reference_n, wanted, rising) if wanted > reference_n else wanted
