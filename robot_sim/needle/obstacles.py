"""What the tip goes through that it should not: vessels and bones of the scene's anatomy (pure).

Tissue moves with breathing and gives way under the probe; a point is looked up where it lies at
rest, with the same rules as the picture (robot_sim/ultrasound/cast.py, `rest_point`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from haptics.vec import Vec, add, dot, norm, scale, sub
from robot_sim.scene import Scene, breathing_lift_m, skin_z_m
from robot_sim.ultrasound.anatomy import Anatomy, parse_anatomy

SLIDE_DEPTH_M = 0.04
"""Breathing slides tissue fully from this depth on (as `cast.SLIDE_DEPTH_M`)."""
LOOK_M = 0.0003
"""The tip is looked up each time it has moved so far."""
BONE_N_M = 2.0e4
"""A needle on cortical bone: the shaft buckles before it gives way; steel on bone is stiffer."""


@dataclass(frozen=True, slots=True)
class Rod:
    """A vessel or a bone."""

    name: str
    start_m: Vec
    end_m: Vec
    radius_m: float

    def holds(self, p: Vec) -> bool:
        """Whether a point (patient at rest) is inside."""
        along = sub(self.end_m, self.start_m)
        t = max(0.0, min(1.0, dot(sub(p, self.start_m), along) / dot(along, along)))
        return norm(sub(p, add(self.start_m, scale(along, t)))) < self.radius_m


@dataclass(slots=True)
class Obstacles:
    """Rods of one patient, and what the tip met."""

    scene: Scene
    anatomy: Anatomy = field(init=False)
    rods: tuple[Rod, ...] = field(init=False)
    touched: set[str] = field(default_factory=set)
    """Simulation truth: "vessel", "bone"."""
    looked_m: float = math.inf
    bone_at_m: float = math.inf
    """Inserted length at which the tip met bone."""

    def __post_init__(self) -> None:
        self.anatomy = parse_anatomy(self.scene)
        vessels = [Rod("vessel", v.start_m, v.end_m, v.radius_m) for v in self.anatomy.vessels]
        bones = [Rod("bone", b.start_m, b.end_m, b.radius_m) for b in self.anatomy.bones]
        self.rods = (*vessels, *bones)

    def follow(self, inserted_m: float, patient_p_tip_m: Vec, face_m: Vec, now_ns: int) -> float:
        """The tip is here (patient frame, now), the probe's face at `face_m`; force of bone (N)."""
        if abs(inserted_m - self.looked_m) >= LOOK_M or math.isinf(self.looked_m):
            self.looked_m = inserted_m
            self._look(inserted_m, self.at_rest(patient_p_tip_m, face_m, now_ns))
        if inserted_m <= self.bone_at_m - LOOK_M:
            self.bone_at_m = math.inf
        return BONE_N_M * max(0.0, inserted_m - self.bone_at_m)

    def at_rest(self, p: Vec, face_m: Vec, now_ns: int) -> Vec:
        """Where the tissue at `p` lies without breathing and without the probe."""
        lift = breathing_lift_m(self.scene, now_ns)
        pressed = max(0.0, skin_z_m(self.scene, face_m[0], face_m[1], now_ns) - face_m[2])
        below = max(0.0, skin_z_m(self.scene, p[0], p[1], now_ns) - p[2])
        push = pressed * math.exp(-below / self.anatomy.tissue_depth_m)
        deep = min(1.0, max(0.0, below - push) / SLIDE_DEPTH_M)
        return (p[0], p[1] - self.anatomy.breathing_slide * lift * deep, p[2] + push - lift)

    def _look(self, inserted_m: float, rest: Vec) -> None:
        for rod in self.rods:
            if rod.holds(rest):
                self.touched.add(rod.name)
                if rod.name == "bone":
                    self.bone_at_m = min(self.bone_at_m, inserted_m)
