"""The torque arm in a closed loop: the same rules as the velocity arm, by joint torques."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec
import pytest
from servo_rig import Rig, scene

from haptics.force_law import ForceOptions
from haptics.iiwa import PROBE_FACE_RADIUS_M
from haptics.vec import column, dot, from_quat, log, multiply, norm, scale, sub, transpose
from robot_sim.scene import Scene, Surface, skin_normal
from robot_sim.sensor import SensorFault
from safety.messages import ArmState, ServoInputs, ServoOutputs, ServoReport
from safety.states import ArmInterface, ContactState, PermitKind, State
from teleop.servo.core import ServoCore
from teleop.servo.laws import law_for

History = list[tuple[ArmState, ServoReport]]


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def build(patient: Scene | None = None, **options: object) -> Rig:
        rigs.append(
            Rig(patient or scene(), interface=ArmInterface.TORQUE, **options)  # type: ignore[arg-type]
        )
        return rigs[-1]

    yield build
    for rig in rigs:
        assert rig.core.error is None
        rig.close()


def pressing(rig: Rig, force_n: float = 5.0) -> Rig:
    rig.order(force_ref_n=force_n)
    rig.until(lambda: rig.report is not None and rig.report.contact is ContactState.PRESS, 15)
    rig.run(0.6)
    return rig


def forces(history: History) -> list[float]:
    return [arm.contact_force_n for arm, _ in history]


def hold(rig: Rig) -> None:
    rig.set(
        kind=PermitKind.REGULATE, state=State.HOLD, v_max_m_s=0.02, f_max_n=5.0, travel_max_m=0.015
    )
    rig.order(deadman=False)


@pytest.mark.parametrize("stiffness", [300.0, 4000.0])
def test_touch_settles_at_the_reference(make: Callable[..., Rig], stiffness: float) -> None:
    rig = pressing(make(scene(stiffness_n_m=stiffness)))
    assert max(forces(rig.history)) <= 5.0 * 1.05
    assert forces(rig.run(0.4)) == pytest.approx([5.0] * 200, abs=0.15)
    assert rig.command is not None
    assert rig.command.interface is ArmInterface.TORQUE


def test_breathing_and_scanning_keep_the_force_and_the_place(make: Callable[..., Rig]) -> None:
    rig = pressing(make(scene(breathing_m=0.010, relief_m=0.004)))
    rig.hand = lambda t: (
        (0.0, 0.02 * math.sin(t), 0.0),
        (0.0, 0.02 * math.cos(t), 0.0),
    )
    rig.hand_from_ns = rig.now_ns
    history = rig.run(3.0)
    assert max(abs(f - 5.0) for f in forces(history)) < 0.7
    assert {r.contact for _, r in history} == {ContactState.PRESS}
    assert max(r.offset_m for _, r in history) < 0.002


def test_opening_the_brakes_under_load_moves_nothing(make: Callable[..., Rig]) -> None:
    """A permit that comes back finds the arm braked in contact: no jump when they open."""
    rig = pressing(make())
    rig.set(kind=PermitKind.NONE)
    rig.run(0.3)
    assert rig.arm.braked
    braked = rig.arm.base_p_probe_m
    hold(rig)
    history = rig.run(0.5)
    assert not history[-1][0].braked
    away = max(norm(sub(arm.base_p_probe_m, braked)) for arm, _ in history)
    assert away < 0.0015
    assert max(forces(history)) < 5.5


def test_hold_freezes_and_bounds_force_speed_and_travel(make: Callable[..., Rig]) -> None:
    rig = pressing(make(scene(breathing_m=0.010)), 8.0)
    hold(rig)
    start = rig.arm.base_p_probe_m
    history = rig.run(4.0)
    assert max(forces(history)) < 8.6
    assert max(forces(history[rig.hz :])) < 5.4
    assert max(abs(arm.base_v_probe_m_s[2]) for arm, _ in history) < 0.025
    ways = [sub(arm.base_p_probe_m, start) for arm, _ in history]
    assert max(math.hypot(w[0], w[1]) for w in ways) < 0.001


def test_silence_of_servo_brakes_the_arm(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.servo_alive = False
    rig.run(0.15)
    assert rig.arm.braked
    assert norm(rig.arm.base_v_probe_m_s) < 0.002
    assert rig.arm.command_trips == 1


def test_lapse_yields_and_never_presses(make: Callable[..., Rig]) -> None:
    rig = pressing(make(scene(breathing_m=0.010)), 8.0)
    rig.permit_alive = False
    history = rig.run(4.0)
    assert history[-1][1].lapsed
    assert max(forces(history)) < 9.0
    assert min(forces(history[2 * rig.hz :])) >= 0.0
    assert max(forces(history[rig.hz :])) < 7.0


def test_sensor_that_fails_brakes(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.box.sensor.fault = SensorFault.INVALID
    rig.run(0.3)
    assert rig.arm.braked


def test_a_probe_that_loses_the_skin_does_not_run_away(make: Callable[..., Rig]) -> None:
    """The patient is gone at once: the speed bound and the contact table stop the arm."""
    rig = pressing(make())
    rig.box.scene = scene(stiffness_n_m=10.0)
    history = rig.run(2.0)
    assert max(-arm.base_v_probe_m_s[2] for arm, _ in history) < 0.04


def tilt_deg(rig: Rig) -> float:
    """Angle between the probe axis and the inward normal of the skin it touches."""
    axis = column(from_quat(rig.arm.base_q_probe), 2)
    surface = rig.box.scene.surface
    face = sub(rig.arm.base_p_probe_m, surface.base_p_patient_m)
    centre = sub(face, scale(axis, PROBE_FACE_RADIUS_M))
    normal = skin_normal(rig.box.scene, centre[0], centre[1])
    return math.degrees(math.acos(min(1.0, -dot(axis, normal))))


@pytest.mark.parametrize("interface", list(ArmInterface))
def test_alignment_turns_the_axis_to_the_skin(
    make: Callable[..., Rig], interface: ArmInterface
) -> None:
    """Off the middle of a round belly the skin is tilted by 9 degrees (40 mm of 250 mm radius)."""
    patient = scene()
    moved = Surface(relief_m=0.0, base_p_patient_m=(0.54, 0.0, 0.213))
    rig = make(msgspec.structs.replace(patient, surface=moved), options=ForceOptions(align=True))
    rig.core = ServoCore(rig.limits, law=law_for(interface, rig.limits, rig.options))
    rig.run(0.1)
    assert tilt_deg(rig) > 8.0
    pressing(rig)
    speeds = [norm(arm.base_w_probe_rad_s) for arm, _ in rig.run(2.5)]
    assert tilt_deg(rig) < 1.0
    assert max(speeds) < math.radians(10.5)


def test_without_alignment_the_tilt_stays_the_experts(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    before = rig.arm.base_q_probe
    rig.run(1.0)
    assert rig.arm.base_q_probe == pytest.approx(before, abs=1e-3)


def test_the_experts_tilt_is_followed(make: Callable[..., Rig]) -> None:
    rig = make()
    rig.run(0.2)
    start = from_quat(rig.arm.base_q_probe)
    rig.order(hand_r_rad=(0.02, 0.0, 0.0))
    rig.run(1.0)
    turned = log(multiply(transpose(start), from_quat(rig.arm.base_q_probe)))
    assert turned == pytest.approx((0.02, 0.0, 0.0), abs=2e-4)


class Spy:
    """Notes what a core was given and what it decided."""

    def __init__(self, core: ServoCore) -> None:
        self.core, self.seen = core, list[tuple[ServoInputs, ServoOutputs]]()
        self.error = None

    def step(self, inputs: ServoInputs) -> ServoOutputs:
        out = self.core.step(inputs)
        self.seen.append((inputs, out))
        return out


def test_snapshot_continues_bit_for_bit(make: Callable[..., Rig]) -> None:
    rig = pressing(make(scene(breathing_m=0.01, relief_m=0.004)))
    snapshot = rig.core.snapshot()
    spy = Spy(rig.core)
    rig.core = spy  # type: ignore[assignment]
    rig.run(0.2)
    copy = ServoCore(rig.limits, law=law_for(ArmInterface.TORQUE, rig.limits))
    copy.restore(snapshot)
    assert [copy.step(inputs) for inputs, _ in spy.seen] == [out for _, out in spy.seen]
