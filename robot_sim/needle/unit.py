"""The needle unit of the simulated arm box: axis, tissue and bending on the probe's bracket.

The unit hangs on the arm's side of the wrist sensor and has a load cell of its own, so that the
contact force of the probe stays what the sensor reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from haptics.iiwa import PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from haptics.needle.pivot import Guide
from haptics.vec import Mat, Vec, add, apply, column, dot, scale, sub
from robot_sim.needle.axis import NeedleAxis
from robot_sim.needle.bend import TipPath
from robot_sim.needle.force import NeedleForce
from robot_sim.needle.obstacles import Obstacles
from robot_sim.scene import Scene, skin_normal, skin_z_m

GUIDE = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS)
IN_PLANE: Vec = (PROBE_GUIDE_AXIS[2], 0.0, -PROBE_GUIDE_AXIS[0])
"""Across the axis in the picture's plane: the positive side is the right of the picture."""
OFF_PLANE: Vec = (0.0, 1.0, 0.0)
CELL_SD_N = 0.02
"""Noise of a 20 N load cell at 1 kHz."""
_BLOCK = 2048
NOT_MET = -1.0
SEARCH_M = 0.002
"""Step of the search for the skin along the needle; the crossing itself is then bisected."""


@dataclass(frozen=True, slots=True)
class NeedleReading:
    """What the unit measures, and the simulation's truth."""

    depth_m: float
    v_m_s: float
    force_n: float
    entry_m: float
    """Where on the guide the skin is, from home; -1: the needle has not met it."""
    tip_m: Vec
    """Probe frame, bent as it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the needle went in.

    Skin and probe are pressed together: the entry point goes with the probe along the probe's axis.
    """

    base_p_entry_m: Vec
    base_p_probe_m: Vec
    base_z: Vec

    def entry_now(self, base_p_probe_m: Vec) -> Vec:
        """The entry point when the probe is here (base frame)."""
        lift_m = dot(sub(base_p_probe_m, self.base_p_probe_m), self.base_z)
        return add(self.base_p_entry_m, scale(self.base_z, lift_m))


class NeedleUnit:
    """Steps with the arm's physics."""

    def __init__(self, scene: Scene, seed: int, command_silence_ns: int) -> None:
        self._scene = scene
        mechanics = scene.needle
        self.axis = NeedleAxis(limit_ns=command_silence_ns)
        self._force = NeedleForce(mechanics.layers)
        curvature = (mechanics.curvature_1_m, mechanics.curvature_off_1_m)
        self._path = TipPath(curvature, mechanics.foundation_1_m)
        self._entry_m = NOT_MET
        self._base_axis: Vec | None = None
        self._place: Place | None = None
        self._inserted_m = self._turned_rad = 0.0
        self.obstacles = Obstacles(scene)
        self.axial_n = 0.0
        """True force on the patient along the axis."""
        self._rng = np.random.default_rng(seed + 77)
        self._noise: list[float] = []

    def step(
        self,
        now_ns: int,
        dt_s: float,
        wanted_m_s: float | None,
        stamp_ns: int,
        released: bool,
        base_p_probe_m: Vec,
        base_rot_probe: Mat,
    ) -> None:
        """Advance by one period. `released` False: the box brakes."""
        self.axis.update(now_ns, wanted_m_s, stamp_ns, released, dt_s)
        if self.axis.depth_m <= 0.0:
            self._reset()
            return
        base_axis = apply(base_rot_probe, GUIDE.probe_axis)
        if self._entry_m < 0.0:
            self._find_skin(now_ns, base_p_probe_m, base_rot_probe, base_axis)
        if self._entry_m < 0.0:
            return
        self._slide(base_p_probe_m, base_rot_probe, base_axis)
        inserted = self.axis.depth_m - self._entry_m
        self._turn(base_rot_probe, base_axis)
        self._path.move_to(max(0.0, inserted))
        self.axial_n = self._force.update(inserted, (inserted - self._inserted_m) / dt_s, dt_s)
        if inserted > 0.0:
            origin = self._scene.surface.base_p_patient_m
            tip = sub(add(base_p_probe_m, apply(base_rot_probe, self._tip())), origin)
            face = sub(base_p_probe_m, origin)
            self.axial_n += self.obstacles.follow(inserted, tip, face, now_ns)
        self._inserted_m = inserted
        if inserted < -0.002:
            self._reset()

    @property
    def open_layers(self) -> int:
        """Simulation truth: membranes that the needle has punctured."""
        return self._force.open_layers

    def read(self) -> NeedleReading:
        """The newest measurement."""
        if not self._noise:
            self._noise = self._rng.normal(0.0, CELL_SD_N, _BLOCK).tolist()
        force_n = self.axial_n + self._noise.pop()
        axis = self.axis
        return NeedleReading(axis.depth_m, axis.v_m_s, force_n, self._entry_m, self._tip())

    def _tip(self) -> Vec:
        """The tip, probe frame."""
        straight = add(GUIDE.probe_p_home_m, scale(GUIDE.probe_axis, self.axis.depth_m))
        # Beside the guide as it is turned now: the path is known beside the guide at the entry.
        n, y = self._path.across_m[0] - self._path.s_m * self._turned_rad, self._path.across_m[1]
        return add(straight, add(scale(IN_PLANE, n), scale(OFF_PLANE, y)))

    def _reset(self) -> None:
        """Out of the skin: the next insertion is a new one."""
        if self._entry_m < 0.0 and self.axial_n == 0.0:
            return
        self._entry_m, self._base_axis, self._place, self.axial_n = NOT_MET, None, None, 0.0
        self._turned_rad = 0.0
        self.obstacles.looked_m = self.obstacles.bone_at_m = math.inf
        self._force = NeedleForce(self._force.layers)
        self._path = TipPath(self._path.curvature_1_m, self._path.foundation_1_m)

    def _find_skin(self, now_ns: int, p: Vec, rot: Mat, axis: Vec) -> None:
        """Has the tip met the skin? Its depth is then bisected to 0.1 mm."""
        home = sub(add(p, apply(rot, GUIDE.probe_p_home_m)), self._scene.surface.base_p_patient_m)
        depth = self.axis.depth_m
        if self._over_skin_m(add(home, scale(axis, depth)), now_ns) > 0.0:
            return
        low, high = max(0.0, depth - SEARCH_M), depth
        for _ in range(5):
            middle = 0.5 * (low + high)
            above = self._over_skin_m(add(home, scale(axis, middle)), now_ns) > 0.0
            low, high = (middle, high) if above else (low, middle)
        at = add(home, scale(axis, high))
        cosine = -dot(axis, skin_normal(self._scene, at[0], at[1]))
        self._force.stretch = 1.0 / max(0.3, cosine)
        self._entry_m = high
        self._inserted_m, self._turned_rad = depth - high, 0.0
        self._base_axis = axis
        self._place = Place(add(at, self._scene.surface.base_p_patient_m), p, column(rot, 2))
        self._path.start()

    def _over_skin_m(self, patient_p_m: Vec, now_ns: int) -> float:
        return patient_p_m[2] - skin_z_m(self._scene, patient_p_m[0], patient_p_m[1], now_ns)

    def _slide(self, p: Vec, rot: Mat, axis: Vec) -> None:
        """The guide moved along the shaft since the entry."""
        if self._place is not None:
            home = add(p, apply(rot, GUIDE.probe_p_home_m))
            self._entry_m = dot(sub(self._place.entry_now(p), home), axis)

    def _turn(self, rot: Mat, axis: Vec) -> None:
        """The guide turned in its plane since the last step: the shaft follows."""
        if self._base_axis is not None:
            side = apply(rot, IN_PLANE)
            turn_rad = dot(sub(axis, self._base_axis), side)
            self._path.pivot(turn_rad)
            self._turned_rad += turn_rad
        self._base_axis = axis
