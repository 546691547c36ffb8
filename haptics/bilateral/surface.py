"""Model-mediated touch: the robot sends a surface, the console renders it locally at 1 kHz.

Mitra & Niemeyer 2008; Xu et al. 2016 (point, normal, stiffness, damping). The console feels the
model without any delay; what crosses the network are parameters. Three rules keep it passive and
free of bumps:

* A new surface is placed where the hand is (the normal position of hand and robot is not shared in
  contact: force is closed at the robot), and pressed up to the measured force within `RAMP_S`.
* Parameters blend at a limited rate, and only as fast as a tank pays for the elastic energy that
  the change puts in: the tank holds what the model's damping took out, and a small grant.
* What model and measurement still differ by is a slow, bounded correction force. The robot raises
  its reference slowly and lowers it quickly, so it turns a tremor of the hand into less force than
  asked for in the mean (0.17 N at 3000 N/m); the same ramps run here and are corrected too.

Scalars along the outward normal; compression positive. A passivity controller on the port
(`passivity.OnePort`) watches over all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from haptics.force_law import ramped

RAMP_S = 0.3
"""Rise of a new surface to the measured force (the 0.3 s of clutch and re-engagement)."""
K_RATE_N_M_S = 2000.0
"""Fastest change of stiffness: 600 N/m of error are gone in 0.3 s."""
B_RATE_N_S_M_S = 60.0
B_DEPTH_M = 0.001
"""Compression over which damping fades in (Hunt & Crossley: no step at the surface)."""
TANK_GRANT_J = 0.010
TANK_CAP_J = 0.030
CORRECT_S = 0.5
"""Time constant of the correction by measured force: slower than any hand."""
CORRECT_MAX_N = 2.0
RAMPS_MAX_N = 0.25
"""Most that the robot's ramps are thought to cost: a tremor of 0.5 mm on 3000 N/m costs 0.17 N. A
firm press is delayed by them too, but that passes."""
LEAVE_S = 0.1
"""The surface fades when the robot says that contact was lost."""


@dataclass(frozen=True, slots=True)
class SurfaceModel:
    """What the robot knows about the contact, as sent over the wire."""

    touch: int
    """Counts touches, modulo 256; a change is a new surface."""
    contact: bool
    stiffness_n_m: float
    damping_n_s_m: float
    force_n: float
    """Measured normal force."""
    force_ref_n: float
    """Reference that the robot regulates it to (after its own ramps and caps)."""


NO_SURFACE = SurfaceModel(0, False, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class LocalSurface:
    """The surface as the console renders it now."""

    stiffness_max_n_m: float
    """Largest felt stiffness that the handle renders cleanly."""
    present: bool = False
    touch: int = -1
    surface_m: float = 0.0
    """Where the surface is on the hand's travel."""
    k_n_m: float = 0.0
    b_n_s_m: float = 0.0
    correction_n: float = 0.0
    """Sum of both parts below, within its bound."""
    measured_n: float = 0.0
    """What measurement says that the robot's force is off its reference by, slowly."""
    ramps_n: float = 0.0
    """What the robot's ramps keep from the force asked for, slowly."""
    shaped_n: float = 0.0
    """What the robot's ramps make of the force asked for."""
    rising_s: float = math.inf
    """Time since a new surface began to rise."""
    goal_n: float = 0.0
    """Force that the rising surface is to reach."""
    tank_j: float = TANK_GRANT_J
    fade: float = 1.0

    def update(
        self, model: SurfaceModel, travel_m: float, v_m_s: float, dt_s: float, scale: float
    ) -> float:
        """Advance by `dt_s`; return the elastic and viscous force (N) that resists the hand.

        `travel_m` is the hand's travel into the patient in the robot's scale, `scale` the felt
        share of the robot's force. The result is in the robot's scale.
        """
        self._presence(model, travel_m, dt_s)
        if not self.present:
            return 0.0
        self._blend(model, travel_m, dt_s, scale)
        depth = travel_m - self.surface_m
        if depth <= 0.0:
            self.tank_j = min(TANK_CAP_J, self.tank_j)
            return 0.0
        damping = self.b_n_s_m * min(1.0, depth / B_DEPTH_M)
        self.tank_j = min(TANK_CAP_J, self.tank_j + scale * damping * v_m_s * v_m_s * dt_s)
        elastic = self.k_n_m * depth + self.correction_n
        return max(0.0, (elastic + damping * v_m_s) * self.fade)

    @property
    def risen(self) -> bool:
        """The surface renders what the robot feels: its round trip may be announced."""
        return self.present and self.rising_s >= RAMP_S

    def reference_n(self, travel_m: float) -> float:
        """Force (N) that the hand asks of the robot: the elastic force of its compression."""
        if not self.present:
            return 0.0
        return max(0.0, self.k_n_m * (travel_m - self.surface_m))

    def slip(self, travel_m: float, most_n: float) -> None:
        """Let the surface give way, so that its elastic force is at most `most_n`."""
        if self.present:
            self.surface_m = max(self.surface_m, travel_m - most_n / self.k_n_m)

    def _presence(self, model: SurfaceModel, travel_m: float, dt_s: float) -> None:
        if model.contact and model.touch != self.touch:
            self.present, self.touch, self.fade = True, model.touch, 1.0
            self.surface_m, self.rising_s = travel_m, 0.0
            self._forget()
            self.k_n_m = self._k_goal(model)
            self.b_n_s_m = model.damping_n_s_m
            self.goal_n = max(0.0, model.force_n)
        elif model.contact:
            self.fade = min(1.0, self.fade + dt_s / LEAVE_S)
        elif self.present:
            self.fade -= dt_s / LEAVE_S
            if self.fade <= 0.0:
                self.present, self.fade = False, 0.0
                self._forget()

    def _forget(self) -> None:
        """Another contact begins without the corrections of the last."""
        self.correction_n = self.measured_n = self.ramps_n = 0.0

    def _k_goal(self, model: SurfaceModel) -> float:
        return max(1.0, min(self.stiffness_max_n_m, model.stiffness_n_m))

    def _blend(self, model: SurfaceModel, travel_m: float, dt_s: float, scale: float) -> None:
        depth = max(0.0, travel_m - self.surface_m)
        rising = self.rising_s < RAMP_S
        if rising:
            self._rise(travel_m, dt_s, scale)
        step = K_RATE_N_M_S * dt_s
        wanted = max(-step, min(step, self._k_goal(model) - self.k_n_m))
        # The force stays as it is while the stiffness changes: the surface moves along.
        held_n = self.k_n_m * depth
        k = self.k_n_m + wanted
        shift = depth - held_n / k
        work_j = scale * 0.5 * (held_n * held_n / k - held_n * depth)
        if work_j <= self.tank_j:
            self.tank_j = min(TANK_CAP_J, self.tank_j - work_j)
            self.k_n_m, self.surface_m = k, self.surface_m + shift
        step = B_RATE_N_S_M_S * dt_s
        self.b_n_s_m += max(-step, min(step, model.damping_n_s_m - self.b_n_s_m))
        asked_n = self.k_n_m * max(0.0, travel_m - self.surface_m)
        if rising or not model.contact:
            self.shaped_n = asked_n
        else:
            self._correct(model.force_n - model.force_ref_n, asked_n, dt_s)

    def _correct(self, off_n: float, asked_n: float, dt_s: float) -> None:
        """Take out what is felt wrong in the mean: the robot's error, and what its ramps cost.

        Both ends of each difference are of the same time, so that no delay looks like an error.
        """
        self.shaped_n = ramped(self.shaped_n, asked_n, dt_s, smooth=True)
        share = min(1.0, dt_s / CORRECT_S)
        off_n = max(-CORRECT_MAX_N, min(CORRECT_MAX_N, off_n))
        self.measured_n += (off_n - self.measured_n) * share
        self.ramps_n += (self.shaped_n - asked_n - self.ramps_n) * share
        ramps_n = max(-RAMPS_MAX_N, min(RAMPS_MAX_N, self.ramps_n))
        self.correction_n = max(-CORRECT_MAX_N, min(CORRECT_MAX_N, self.measured_n + ramps_n))

    def _rise(self, travel_m: float, dt_s: float, scale: float) -> None:
        """Bring the new surface up to the measured force, as fast as ramp and tank allow."""
        self.rising_s += dt_s
        depth = max(0.0, travel_m - self.surface_m)
        missing = self.goal_n / self.k_n_m - depth
        if missing <= 0.0:
            self.rising_s = RAMP_S
            return
        step = min(missing, self.goal_n / self.k_n_m * dt_s / RAMP_S)
        work_j = scale * self.k_n_m * (depth + 0.5 * step) * step
        if work_j <= self.tank_j:
            self.tank_j -= work_j
            self.surface_m -= step
