"""Arm box and servo core in a closed loop on the virtual clock, permit written by the test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import msgspec
import pytest
from servo_rig import Rig, scene

from haptics.vec import Vec, column, dot, from_quat, norm, sub
from robot_sim.scene import Scene
from robot_sim.sensor import SensorFault
from safety.messages import ArmState, ServoReport
from safety.states import Clamp, ContactState, PermitKind, State

AXIS: Vec = (0.0, 0.0, -1.0)
History = list[tuple[ArmState, ServoReport]]


@pytest.fixture
def make() -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def build(patient: Scene | None = None, **options: object) -> Rig:
        rigs.append(Rig(patient or scene(), **options))  # type: ignore[arg-type]
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


def pressing(rig: Rig, force_n: float = 5.0) -> Rig:
    """Land and settle."""
    rig.order(force_ref_n=force_n)
    rig.until(lambda: rig.report is not None and rig.report.contact is ContactState.PRESS, 15)
    rig.run(1.0)
    return rig


def forces(history: History) -> list[float]:
    return [arm.contact_force_n for arm, _ in history]


def rms(values: list[float], about: float) -> float:
    return math.sqrt(sum((v - about) ** 2 for v in values) / len(values))


def drift_m(history: History) -> float:
    """Farthest tangential way from the first pose."""
    start = history[0][0].base_p_probe_m
    ways = [sub(arm.base_p_probe_m, start) for arm, _ in history]
    return max(norm((w[0], w[1], 0.0)) for w in ways)


def swing(speed_m_s: float) -> Callable[[float], tuple[Vec, Vec]]:
    """Sweep to and fro along the probe's y over +-20 mm with this peak speed."""
    half, rate = 0.02, speed_m_s / 0.02
    return lambda t: (
        (0.0, half * math.sin(rate * t), 0.0),
        (0.0, speed_m_s * math.cos(rate * t), 0.0),
    )


def sink(rig: Rig, way_m: float) -> None:
    """Put the patient this much lower than at the start."""
    surface = rig.patient.surface
    x, y, z = surface.base_p_patient_m
    lower = msgspec.structs.replace(surface, base_p_patient_m=(x, y, z - way_m))
    rig.box.scene = msgspec.structs.replace(rig.patient, surface=lower)


@pytest.mark.parametrize("stiffness", [300.0, 1000.0, 4000.0])
def test_touch_does_not_overshoot(make: Callable[..., Rig], stiffness: float) -> None:
    rig = make(scene(stiffness_n_m=stiffness))
    pressing(rig)
    assert max(forces(rig.history)) <= 5.0 * 1.05
    assert rms(forces(rig.run(1.0)), 5.0) < 0.05
    assert {r.contact for _, r in rig.history} == {
        ContactState.FREE,
        ContactState.APPROACH,
        ContactState.TOUCH,
        ContactState.PRESS,
    }


def test_force_hold_while_breathing_and_scanning(make: Callable[..., Rig]) -> None:
    rig = make(scene(breathing_m=0.010, relief_m=0.004))
    pressing(rig)
    rig.hand, rig.hand_from_ns = swing(0.02), rig.now_ns
    history = rig.run(6.0)
    settled = forces(history[len(history) // 4 :])
    assert rms(settled, 5.0) < 0.15  # asked for: 0.3
    assert max(abs(f - 5.0) for f in settled) < 0.5
    assert all(r.contact is ContactState.PRESS for _, r in history)
    assert max(r.offset_m for _, r in history) < 0.002
    swept = [arm.base_p_probe_m[1] for arm, _ in history]
    assert max(swept) - min(swept) > 0.035


@pytest.mark.parametrize("force_n", [2.0, 15.0])
def test_other_references_are_met(make: Callable[..., Rig], force_n: float) -> None:
    rig = pressing(make(), force_n)
    rig.run(1.5)
    assert rms(forces(rig.run(0.5)), force_n) < 0.1


def test_approach_is_slow_and_speed_never_steps(make: Callable[..., Rig]) -> None:
    rig = make()
    pressing(rig)
    approach = [a for a, r in rig.history if r.contact is ContactState.APPROACH]
    assert max(-a.base_v_probe_m_s[2] for a in approach) < 0.0115
    targets = [r.v_target_m_s for _, r in rig.history]
    steps = [norm(sub(b, a)) for a, b in itertools.pairwise(targets)]
    assert max(steps) <= 4.0 / rig.hz * 1.5


def test_low_reference_lifts_off_gently_and_stays_off(make: Callable[..., Rig]) -> None:
    rig = pressing(make(scene(breathing_m=0.008)))
    rig.order(force_ref_n=0.0)
    rig.run(2.0)
    away = rig.run(4.0)
    assert max(arm.base_v_probe_m_s[2] for arm, _ in rig.history) < 0.015
    assert max(forces(away)) < 1.0
    assert away[-1][1].contact is ContactState.FREE


def test_lost_skin_is_found_again(make: Callable[..., Rig]) -> None:
    """The patient sinks by 14 mm at once, farther than the skin was pressed."""
    rig = pressing(make(scene(breathing_m=0.0)))
    sink(rig, 0.014)
    seen = [r.contact for _, r in rig.run(3.0)]
    assert ContactState.LOST in seen
    assert seen[-1] is ContactState.PRESS
    assert forces(rig.run(0.5))[-1] == pytest.approx(5.0, abs=0.2)


def test_skin_that_is_gone_is_given_up_with_a_reason(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    gone = msgspec.structs.replace(rig.patient.surface, half_x_m=0.0001, half_y_m=0.0001)
    rig.box.scene = msgspec.structs.replace(rig.patient, surface=gone)
    rig.order(hand_p_m=(0.001, 0.0, 0.0))
    at = rig.arm.base_p_probe_m
    history = rig.run(4.0)
    assert history[-1][1].contact is ContactState.FREE
    assert Clamp.CONTACT_NOT_FOUND in history[-1][1].clamps
    assert dot(sub(history[-1][0].base_p_probe_m, at), AXIS) < 0.020
    rig.box.scene = rig.patient
    rig.order(force_ref_n=0.0)
    rig.run(2.0)
    rig.order(force_ref_n=5.0)
    rig.until(lambda: rig.arm.contact_force_n > 4.5, 15)


def hold(rig: Rig, **changes: object) -> None:
    """What guard writes in HOLD."""
    rig.set(
        kind=PermitKind.REGULATE,
        state=State.HOLD,
        v_max_m_s=0.02,
        f_max_n=5.0,
        travel_max_m=0.015,
        **changes,
    )
    rig.order(deadman=False)


@pytest.mark.parametrize("breathing_m", [0.0, 0.010])
def test_hold_freezes_sideways_and_keeps_the_force_low(
    make: Callable[..., Rig], breathing_m: float
) -> None:
    rig = pressing(make(scene(breathing_m=breathing_m)), 8.0)
    rig.hand, rig.hand_from_ns = swing(0.02), rig.now_ns
    rig.run(0.7)
    hold(rig)
    history = rig.run(5.0)
    assert drift_m(history) < 0.001
    assert max(forces(history)) < 8.6  # never more than it was
    assert max(forces(history[rig.hz :])) < 5.3
    assert rms(forces(history[rig.hz :]), 5.0) < 0.2
    assert max(abs(arm.base_v_probe_m_s[2]) for arm, _ in history) < 0.021


def test_hold_in_the_air_stays_and_gives_way_to_the_breathing_patient(
    make: Callable[..., Rig],
) -> None:
    rig = make(scene(breathing_m=0.010))
    rig.order(force_ref_n=0.0, hand_v_m_s=(0.0, 0.0, 0.0))
    rig.run(0.1)
    rig.hand = lambda t: ((0.0, 0.0, min(0.006, 0.02 * t)), (0.0, 0.0, 0.0))
    rig.hand_from_ns = rig.now_ns
    rig.run(0.8)
    hold(rig)
    history = rig.run(4.0)
    assert max(forces(history)) < 2.0
    assert any(f > 0.3 for f in forces(history)), "the skin should have come to the probe"
    assert drift_m(history) < 0.001


def test_regulation_ends_at_its_travel(make: Callable[..., Rig]) -> None:
    """The patient sinks farther than 15 mm: the arm follows no farther."""
    rig = pressing(make())
    hold(rig)
    rig.run(0.5)
    start = rig.arm.base_p_probe_m
    for i in range(40):
        sink(rig, 0.001 * i)
        rig.run(0.1)
    assert dot(sub(rig.arm.base_p_probe_m, start), AXIS) == pytest.approx(0.015, abs=0.0015)


def test_safe_stop_relaxes_to_two_newtons(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    hold(rig)
    for step in range(100):
        rig.set(f_max_n=5.0 - 0.03 * step)
        rig.run(0.01)
    rig.run(0.5)
    assert rms(forces(rig.run(0.5)), 2.03) < 0.1


@pytest.mark.parametrize("alive", [True, False])
def test_a_lapse_yields_and_never_presses(make: Callable[..., Rig], alive: bool) -> None:
    """The permit is gone while the breathing patient presses against the probe.

    With guard's enable still alive servo yields; without it the box brakes by itself after 20 ms.
    """
    rig = pressing(make(scene(breathing_m=0.016, breathing_hz=0.33)), 5.0)
    rig.until(lambda: math.fmod(rig.now_ns / 1e9 * 0.33, 1.0) < 0.02, 4)  # lung empty: rises next
    rig.permit_alive, rig.enable_alive = False, alive
    at = rig.arm.base_p_probe_m
    history = rig.run(3.0)
    assert rig.report is not None
    assert rig.report.lapsed
    ways = [dot(sub(arm.base_p_probe_m, at), AXIS) for arm, _ in history]
    assert max(ways) < 0.0008  # the first 20 ms are still permitted
    if alive:
        assert any(r.yielding for _, r in history)
        assert max(forces(history)) < 7.0
        assert min(ways) < -0.001
    else:
        assert history[-1][0].braked
    assert drift_m(history) < 0.001
    rig.permit_alive = rig.enable_alive = True
    back = rig.run(1.0)
    assert all(dot(sub(arm.base_p_probe_m, at), AXIS) < 0.0008 for arm, _ in back)
    assert back[-1][1].lapsed, "the same epoch must not drive again"
    rig.set(epoch=2, engagement=2)
    rig.until(lambda: abs(rig.arm.contact_force_n - 5.0) < 0.3, 10)


def test_lift_goes_out_along_the_normal_and_ends(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.set(kind=PermitKind.LIFT, state=State.LOCAL, v_max_m_s=0.02, travel_max_m=0.03)
    at = rig.arm.base_p_probe_m
    history = rig.run(4.0)
    assert max(norm(arm.base_v_probe_m_s) for arm, _ in history) < 0.021
    assert dot(sub(rig.arm.base_p_probe_m, at), AXIS) == pytest.approx(-0.03, abs=0.001)
    assert drift_m(history) < 0.001
    assert rig.arm.contact_force_n == 0.0


def test_hand_guiding_gives_way_to_a_push_and_stands_without(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.set(kind=PermitKind.LOCAL, state=State.LOCAL)
    at = rig.arm.base_p_probe_m
    rig.run(3.0)
    assert rig.arm.contact_force_n < 1.5
    assert dot(sub(rig.arm.base_p_probe_m, at), AXIS) < -0.002
    at = rig.arm.base_p_probe_m
    rig.run(2.0)
    assert norm(sub(rig.arm.base_p_probe_m, at)) < 0.001


def test_nan_from_the_sensor_brakes_within_a_cycle(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.box.sensor.fault = SensorFault.NAN
    rig.cycle()
    assert rig.command is not None
    assert rig.command.brake
    rig.cycle()
    assert rig.arm.braked
    rig.run(0.1)
    assert norm(rig.arm.base_v_probe_m_s) < 0.002


def test_a_dead_servo_is_braked_by_the_box(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    rig.hand, rig.hand_from_ns = swing(0.03), rig.now_ns
    rig.run(0.3)
    rig.servo_alive = False
    at = len(rig.history)
    rig.run(0.5)
    braked = next(i for i, (arm, _) in enumerate(rig.history[at:]) if arm.braked)
    assert braked * 1000 / rig.hz <= 24
    assert rig.arm.command_trips == 1
    assert norm(rig.arm.base_v_probe_m_s) < 0.002


@pytest.mark.parametrize("where", ["air", "skin"])
def test_engagement_does_not_bump(make: Callable[..., Rig], where: str) -> None:
    """A new engagement with the hand far away and tilted: no step, no motion by itself."""
    rig = make()
    if where == "skin":
        pressing(rig)
    else:
        rig.order(force_ref_n=0.0)
        rig.run(0.2)
    hold(rig)
    rig.run(1.0)
    before = rig.arm
    rig.set(kind=PermitKind.OPERATE, state=State.ACTIVE, v_max_m_s=0.1, f_max_n=20.0, engagement=2)
    rig.order(deadman=True, hand_p_m=(1.0, -0.5, 0.3), hand_r_rad=(0.4, 0.2, 1.0))
    history = rig.run(1.0)
    assert drift_m(history) < 0.0002
    assert max(norm(arm.base_v_probe_m_s) for arm, _ in history) < 0.003
    assert max(abs(arm.contact_force_n - before.contact_force_n) for arm, _ in history) < 0.3
    assert history[0][1].offset_m < 1e-4


def test_offset_grows_while_the_hand_moves_in_hold(make: Callable[..., Rig]) -> None:
    rig = make()
    rig.order(force_ref_n=0.0)
    rig.run(0.5)
    hold(rig)
    rig.order(hand_p_m=(0.007, 0.0, 0.0))
    rig.run(0.1)
    assert rig.report is not None
    assert rig.report.offset_m == pytest.approx(0.007, abs=2e-4)


def test_tilt_turns_about_the_contact(make: Callable[..., Rig]) -> None:
    rig = pressing(make())
    at = rig.arm.base_p_probe_m
    for i in range(100):
        rig.order(hand_r_rad=(0.0, 0.003 * i, 0.0), hand_w_rad_s=(0.0, 0.3, 0.0))
        rig.run(0.01)
    rig.order(hand_w_rad_s=(0.0, 0.0, 0.0))
    history = rig.run(1.0)
    moved = sub(rig.arm.base_p_probe_m, at)
    assert norm((moved[0], moved[1], 0.0)) < 0.001
    tilt = math.acos(-column(from_quat(rig.arm.base_q_probe), 2)[2])
    assert tilt == pytest.approx(0.297, abs=0.01)
    assert forces(history)[-1] == pytest.approx(5.0, abs=0.4)
