"""The needle unit on a probe that stands still: what the tip meets on its way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from haptics.vec import add, from_quat
from robot_sim.needle.obstacles import Obstacles, Rod
from robot_sim.needle.unit import NeedleUnit
from robot_sim.scene import Breathing, Scene, Surface
from robot_sim.watchdogs import SILENCE_NS
from teleop.needle.plan import at_depth

DOWN = from_quat((1.0, 0.0, 0.0, 0.0))
PRESSED_M, TISSUE_M = 0.006, 0.06


def scene(kind: str = "", depth_m: float = 0.08) -> Scene:
    """A patient with one rod across the guide's line at this depth from the needle's home."""
    x, z = at_depth(depth_m)
    below_m = z + PRESSED_M
    at_rest_m = -below_m + PRESSED_M * math.exp(-below_m / TISSUE_M)
    rod = {"start_m": (x, -0.05, at_rest_m), "end_m": (x, 0.05, at_rest_m), "radius_m": 0.004}
    return Scene(
        surface=Surface(relief_m=0.0, radius_m=10.0),
        breathing=Breathing(peak_to_peak_m=0.0),
        anatomy={**({kind: [rod]} if kind else {}), "tissue_depth_m": TISSUE_M},
    )


@dataclass
class Driven:
    """The unit, driven straight in."""

    patient: Scene
    now_ns: int = 10**9
    unit: NeedleUnit = field(init=False)

    def __post_init__(self) -> None:
        self.unit = NeedleUnit(self.patient, 1, SILENCE_NS)
        self.unit.axis.depth_m = 0.04
        self.base_p_probe_m = add(self.patient.surface.base_p_patient_m, (0.0, 0.0, -PRESSED_M))

    def to(self, depth_m: float, v_m_s: float = 0.005) -> float:
        """Drive to this depth; return the highest force."""
        peak_n = 0.0
        while (self.unit.axis.depth_m - depth_m) * v_m_s < 0.0:
            self.now_ns += 2_000_000
            self.unit.step(self.now_ns, 0.002, v_m_s, self.now_ns, True, self.base_p_probe_m, DOWN)
            peak_n = max(peak_n, self.unit.axial_n)
        return peak_n


def test_tissue_alone_touches_nothing_and_stays_below_the_force_cap() -> None:
    driven = Driven(scene())
    assert driven.to(0.11) < 8.0
    assert driven.unit.obstacles.touched == set()


def test_a_vessel_is_noticed_but_not_felt() -> None:
    driven, free = Driven(scene("vessels")), Driven(scene())
    assert driven.to(0.1) == pytest.approx(free.to(0.1))
    assert driven.unit.obstacles.touched == {"vessel"}


def test_bone_stops_the_needle_with_its_force_and_lets_it_go_on_the_way_back() -> None:
    driven = Driven(scene("bones"))
    driven.to(0.074)
    assert driven.unit.obstacles.touched == set()
    assert driven.to(0.079) > 20.0
    assert driven.unit.obstacles.touched == {"bone"}
    driven.to(0.07, -0.005)
    assert driven.unit.axial_n < 1.0


def test_a_rod_holds_what_is_within_its_radius() -> None:
    rod = Rod("bone", (0.0, -0.1, 0.0), (0.0, 0.1, 0.0), 0.005)
    assert rod.holds((0.0049, 0.05, 0.0))
    assert not rod.holds((0.0051, 0.05, 0.0))
    assert not rod.holds((0.0, 0.1051, 0.0))


def test_tissue_is_looked_up_where_it_lies_at_rest() -> None:
    patient = Scene(surface=Surface(relief_m=0.0, radius_m=math.inf), anatomy={})
    found = Obstacles(patient)
    half_ns = round(0.5e9 / patient.breathing.frequency_hz)
    inhaled = found.at_rest(
        (0.0, 0.0, -0.05 + patient.breathing.peak_to_peak_m), (0, 0, 1), half_ns
    )
    assert inhaled[2] == pytest.approx(-0.05)
