"""Remote centre with the probe pressed on the patient: servo and arm box, the needle inserted.

Real: arm box with its physics, servo with force control and the needle's law. The entry point is
where the shaft is before the turn and moves with the breathing skin; what is shown is how far the
shaft leaves it sideways, and how far the tip moves along the shaft by the turn alone.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from bench.force.rig import Patient, Rig
from bench.kit.bench import BenchError
from haptics.iiwa import PROBE_ENTRY_M, PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from haptics.needle.breathing import LEARN_S
from haptics.needle.pivot import Guide, entry_at, entry_error_m
from haptics.vec import Vec, add, from_quat, norm
from robot_sim.scene import breathing_lift_m
from safety.messages import ArmState
from safety.states import ArmInterface, ContactState
from teleop.servo.needle import LANDED_S, NEEDLE_MODE

GUIDE = Guide(PROBE_P_GUIDE_M, PROBE_GUIDE_AXIS)
HZ = 500
PRESS_N = 4.0
STIFFNESS_N_M = 600.0
FIRST_M, DEPTH_M = 0.040, 0.062
"""The needle starts a few millimetres over the skin and goes 15 mm into it."""
LAND_S, GO_S, TURN_S = 6.0, 60.0, 3.6
CALM_S = LANDED_S + LEARN_S
"""Until the breathing gate has learnt."""
TURN_RAD_S = 0.05
V_M_S = 0.005


@dataclass(frozen=True, slots=True)
class ContactFigures:
    """Of a turn to one end, to the other and back to the middle."""

    max_mm: float
    rms_mm: float
    tip_mm: float
    """Way of the tip along the shaft."""
    force_n: float
    """Largest deviation of the contact force meanwhile."""
    errors_mm: tuple[float, ...]


def inserted(breathing_m: float) -> Rig:
    """The probe presses, the needle is in."""
    rig = Rig(Patient(STIFFNESS_N_M, breathing_m=breathing_m), ArmInterface.VELOCITY, hz=HZ)
    rig.order(force_ref_n=PRESS_N)
    if not rig.until(ContactState.PRESS, LAND_S):
        raise BenchError("the probe did not find the patient; the scene or the law is broken")
    rig.run(CALM_S)
    rig.box.needle.axis.depth_m = FIRST_M
    rig.permit = dataclasses.replace(
        rig.permit, needle_advance=True, needle_goal_m=DEPTH_M, needle_pivot_rad_s=TURN_RAD_S,
        v_max_m_s=0.0, v_contact_m_s=0.0, w_max_rad_s=0.0,
    )  # fmt: skip
    rig.order(mode=NEEDLE_MODE, needle_v_m_s=V_M_S)
    for _ in range(round(GO_S * HZ)):
        rig.cycle()
        if rig.arm.needle_depth_m > DEPTH_M - 0.0005:
            break
    else:
        raise BenchError("the needle did not reach its depth; the law or the gate is broken")
    rig.order(needle_v_m_s=0.0)
    rig.run(0.5)
    return rig


def run(breathing_m: float = 0.0) -> ContactFigures:
    """Turn by the product's range to both sides."""
    rig = inserted(breathing_m)
    try:
        return _turned(rig)
    finally:
        rig.close()


def _turned(rig: Rig) -> ContactFigures:
    start, scene = rig.arm, rig.box.scene
    rot = from_quat(start.base_q_probe)
    entry = entry_at(GUIDE, start.base_p_probe_m, rot, PROBE_ENTRY_M)
    low_m = breathing_lift_m(scene, start.stamp_ns)
    in_m = start.needle_depth_m - start.needle_entry_m
    errors, tips, forces = [], [], []
    for sign, seconds in ((1.0, TURN_S), (-1.0, 2.0 * TURN_S), (1.0, TURN_S)):
        rig.order(hand_w_rad_s=(0.0, sign * TURN_RAD_S, 0.0))
        for _, arm, _ in rig.run(seconds):
            lift: Vec = (0.0, 0.0, breathing_lift_m(scene, arm.stamp_ns) - low_m)
            errors.append(1e3 * _beside_m(arm, add(entry, lift)))
            tips.append(1e3 * abs(arm.needle_depth_m - arm.needle_entry_m - in_m))
            forces.append(abs(arm.contact_force_n - start.contact_force_n))
    rms = math.sqrt(sum(e * e for e in errors) / len(errors))
    return ContactFigures(max(errors), rms, max(tips), max(forces), tuple(errors))


def _beside_m(arm: ArmState, entry: Vec) -> float:
    return norm(entry_error_m(GUIDE, arm.base_p_probe_m, from_quat(arm.base_q_probe), entry))
