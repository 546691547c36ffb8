"""ServoCore's decisions on made-up measurements."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import random
from typing import Any

import pytest
from servo_rig import PERMIT

from haptics.iiwa import IIWA, START_RAD
from haptics.kinematics import solve
from haptics.vec import to_quat
from safety.limits import Limits
from safety.messages import ArmState, Permit, ServoInputs, ServoOutputs
from safety.states import Clamp, ContactState, PermitKind
from teleop.servo.core import ServoCore
from teleop.servo.health import NO_ARM, NO_PERMIT
from teleop.servo.law import Motion, Situation

MS = 1_000_000
NOW = 10**10
POSE = solve(IIWA, START_RAD)
ZERO7 = (0.0,) * 7
ARM = dataclasses.replace(
    NO_ARM,
    incarnation=1,
    q_rad=START_RAD,
    qd_rad_s=ZERO7,
    base_p_probe_m=POSE.base_p_tool_m,
    base_q_probe=to_quat(POSE.base_rot_tool),
    base_v_probe_m_s=(0.0,) * 3,
    base_w_probe_rad_s=(0.0,) * 3,
    force_n=(0.0,) * 3,
    torque_nm=(0.0,) * 3,
    force_valid=True,
    powered=True,
    braked=False,
    enabled=True,
    needle_depth_m=0.0,
)


class Desk:
    """Steps a core with a healthy arm and permit, unless told otherwise."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.core = ServoCore(limits or Limits(), incarnation=9)
        self.now_ns = NOW
        self.seq = 0
        self.permit: Permit = PERMIT
        self.arm: ArmState = ARM

    def step(self, arm: dict[str, Any] | None = None, **permit: Any) -> ServoOutputs:
        return self.core.step(self.inputs(arm, **permit))

    def inputs(self, arm: dict[str, Any] | None = None, **permit: Any) -> ServoInputs:
        self.now_ns += 2 * MS
        self.seq += 1
        now = self.now_ns
        command = dataclasses.replace(self.permit.command, **permit.pop("command", {}))
        fresh: dict[str, Any] = {
            "issued_ns": now,
            "valid_until_ns": now + 20 * MS,
            "command_stamp_ns": now,
        }
        state = dataclasses.replace(
            self.arm, **{"stamp_ns": now, "force_stamp_ns": now - 3 * MS} | (arm or {})
        )
        allowed = dataclasses.replace(self.permit, command=command, **fresh | permit)
        return ServoInputs(now, 0.0, self.seq, state, self.seq, allowed)


def moved(out: ServoOutputs) -> bool:
    return not out.command.brake and any(out.command.qd_rad_s)


HAND = {"force_ref_n": 5.0}


def driving(desk: Desk) -> Desk:
    for _ in range(20):
        assert not desk.step(command=HAND).command.brake
    assert moved(desk.step(command=HAND))
    return desk


def test_before_anything_was_heard_the_brakes_are_asked_for() -> None:
    core = ServoCore(Limits())
    out = core.step(ServoInputs(NOW, 0.0, 0, NO_ARM, 0, NO_PERMIT))
    assert out.command.brake
    assert out.command.qd_rad_s == ZERO7
    assert core.error is None


@pytest.mark.parametrize("kind", PermitKind)
def test_no_kind_moves_an_arm_whose_permit_expired(kind: PermitKind) -> None:
    desk = Desk()
    for _ in range(50):
        out = desk.step(kind=kind, command=HAND, valid_until_ns=desk.now_ns)
        assert not moved(out)
        assert out.command.brake


SENSOR_FAULTS: dict[str, dict[str, Any]] = {
    "not a number": {"force_n": (0.0, 0.0, math.nan)},
    "infinite": {"force_n": (math.inf, 0.0, 0.0)},
    "says invalid": {"force_valid": False},
    "silent": {"force_stamp_ns": 0},
}
ARM_FAULTS: dict[str, dict[str, Any]] = {
    "joints not a number": {"q_rad": (math.nan, *START_RAD[1:])},
    "pose not a number": {"base_p_probe_m": (0.5, math.nan, 0.2)},
    "no orientation": {"base_q_probe": (0.0, 0.0, 0.0, 0.0)},
    "silent": {"stamp_ns": 0},
    "restarted": {"incarnation": 77},
}


@pytest.mark.parametrize("kind", [k for k in PermitKind if k])
@pytest.mark.parametrize("fault", [*SENSOR_FAULTS.values(), *ARM_FAULTS.values()])
def test_a_blind_servo_brakes_in_the_same_cycle_and_needs_a_newer_epoch(
    kind: PermitKind, fault: dict[str, Any]
) -> None:
    desk = driving(Desk())
    out = desk.step(fault, kind=kind, command=HAND)
    assert out.command.brake
    assert out.command.qd_rad_s == ZERO7
    assert out.report.lapsed
    for _ in range(10):
        assert desk.step(kind=kind, command=HAND).command.brake
    desk.step(epoch=2, engagement=2, command=HAND)
    assert moved(desk.step(epoch=2, engagement=2, command=HAND))


@pytest.mark.parametrize("jump_m", [0.0, 0.005, -0.005])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_after_a_lapse_no_pose_makes_the_joints_faster(jump_m: float, axis: int) -> None:
    desk = Desk()
    hand = {"force_ref_n": 5.0, "hand_v_m_s": (0.02, 0.01, 0.0)}
    for k in range(60):
        hand["hand_p_m"] = (0.00004 * k, 0.00002 * k, 0.0)
        out = desk.step(command=hand)
    assert moved(out)
    speed = math.hypot(*out.command.qd_rad_s)
    where = list(ARM.base_p_probe_m)
    for _ in range(30):
        where[axis] += jump_m
        jump_m = -jump_m  # to and fro: whatever is believed, it asks for more speed
        out = desk.step({"base_p_probe_m": tuple(where)}, command=hand, valid_until_ns=desk.now_ns)
        assert out.report.lapsed
        assert not out.report.yielding
        assert math.hypot(*out.command.qd_rad_s) <= speed * (1.0 + 1e-9)
        speed = math.hypot(*out.command.qd_rad_s)


def test_a_braked_box_is_answered_with_rest_not_with_motion() -> None:
    desk = driving(Desk())
    for _ in range(5):
        out = desk.step({"braked": True}, command=HAND)
        assert not out.command.brake
        assert out.command.qd_rad_s == ZERO7
    first = desk.step(command=HAND)
    assert max(map(abs, first.command.qd_rad_s)) < 0.02  # slow enough for the box to release


def test_deadman_up_or_an_old_command_stops_the_hand() -> None:
    for stop in ({"command": {"deadman": False}}, {"command_stamp_ns": NOW - 60 * MS}):
        desk = driving(Desk())
        for _ in range(20):
            out = desk.step(**stop)
        assert max(map(abs, out.report.v_target_m_s)) < 1e-9
        assert not out.command.brake


def test_an_error_inside_brakes_and_is_told() -> None:
    class Broken:
        def drive(self, situation: Situation) -> Motion:
            raise ZeroDivisionError("inside the law")

        def rest(self, situation: Situation) -> Motion:
            raise ZeroDivisionError("inside the law")

        def snapshot(self) -> dict[str, Any]:
            return {}

        def restore(self, state: dict[str, Any]) -> None:
            del state

    desk = Desk()
    desk.core = ServoCore(Limits(), law=Broken())
    for _ in range(3):
        out = desk.step(command=HAND)
        assert out.command.brake
    assert out.report.lapsed
    assert isinstance(desk.core.error, ZeroDivisionError)
    json.loads(desk.core.snapshot())


def test_garbage_never_raises_and_never_moves_a_blind_arm() -> None:
    """1,000 inputs with numbers of every bad kind in every place."""
    rng = random.Random(11)
    wild = [math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0, 1e-320]

    def number(good: float) -> float:
        return rng.choice(wild) if rng.random() < 0.2 else good

    desk = Desk()
    for _ in range(1000):
        arm = {
            "q_rad": tuple(map(number, START_RAD)),
            "base_p_probe_m": tuple(map(number, ARM.base_p_probe_m)),
            "base_q_probe": tuple(map(number, ARM.base_q_probe)),
            "force_n": tuple(map(number, (0.0, 0.0, 2.0))),
        }
        command = {
            "hand_p_m": tuple(map(number, (0.0, 0.0, 0.0))),
            "hand_v_m_s": tuple(map(number, (0.0, 0.0, 0.0))),
            "force_ref_n": number(5.0),
        }
        kind = rng.choice(list(PermitKind))
        out = desk.step(arm, kind=kind, command=command, epoch=desk.seq, f_max_n=number(20.0))
        assert all(map(math.isfinite, out.command.qd_rad_s))
        blind = not all(math.isfinite(x) for values in arm.values() for x in values)
        if blind:
            assert not moved(out)


def test_first_applied_time_belongs_to_each_command() -> None:
    desk = Desk()
    seen = []
    for seq in (3, 3, 4, 4, 4):
        report = desk.step(command={"seq": seq}).report
        seen.append((report.command_seq, (report.applied_ns - NOW) // MS))
    assert seen == [(3, 2), (3, 2), (4, 6), (4, 6), (4, 6)]


@pytest.mark.parametrize(
    ("advance", "wanted", "mode", "applied", "clamp"),
    [
        (True, 0.003, 1, 0.003, Clamp.NONE),
        (False, 0.003, 1, 0.0, Clamp.NEEDLE_BLOCKED),
        (False, -0.003, 1, -0.003, Clamp.NONE),
        (True, 0.003, 0, 0.0, Clamp.NONE),
    ],
)
def test_needle_advances_only_by_permit_and_may_always_withdraw(
    advance: bool, wanted: float, mode: int, applied: float, clamp: Clamp
) -> None:
    desk = Desk()
    desk.arm = dataclasses.replace(ARM, force_n=(0.0, 0.0, 4.0), needle_force_n=0.0)
    for _ in range(4400):  # landing is over, and the gate has seen that nothing breathes
        out = desk.step(
            needle_advance=advance,
            needle_goal_m=0.09,
            command={"needle_v_m_s": wanted, "mode": mode},
        )
    assert out.command.needle_v_m_s == pytest.approx(applied)
    assert out.report.clamps & Clamp.NEEDLE_BLOCKED == clamp


def test_force_reference_beyond_the_permit_is_clamped_and_said() -> None:
    desk = Desk()
    desk.arm = dataclasses.replace(ARM, force_n=(0.0, 0.0, 4.0))
    for _ in range(1500):
        out = desk.step(f_max_n=10.0, command={"force_ref_n": 20.0})
    assert Clamp.FORCE_REFERENCE in out.report.clamps
    assert out.report.force_ref_n == pytest.approx(10.0, abs=0.01)


def test_without_permission_no_new_contact_is_sought() -> None:
    desk = Desk()
    for _ in range(50):
        out = desk.step(new_contact=False, command=HAND)
    assert out.report.contact is ContactState.FREE
    assert Clamp.NO_NEW_CONTACT in out.report.clamps
    assert max(map(abs, out.report.v_target_m_s)) < 1e-9


def test_snapshot_continues_bit_for_bit() -> None:
    """Random permits, forces and hands: a restored core decides exactly the same."""
    rng = random.Random(5)
    desk = Desk()
    recorded: list[tuple[ServoInputs, ServoOutputs]] = []
    snapshots: dict[int, bytes] = {}
    force, hand, epoch = 0.0, 0.0, 1
    for i in range(600):
        force = max(0.0, force + rng.gauss(0, 0.4))
        hand += rng.gauss(0, 1e-4)
        if rng.random() < 0.02:
            epoch += 1
        inputs = desk.inputs(
            {"force_n": (0.1, 0.0, force), "braked": rng.random() < 0.01},
            kind=rng.choices(list(PermitKind), [1, 50, 20, 5, 5])[0],
            epoch=epoch,
            engagement=epoch,
            valid_until_ns=desk.now_ns + (0 if rng.random() < 0.01 else 20 * MS),
            command={"hand_p_m": (hand, -hand, hand), "force_ref_n": 5.0, "seq": i},
        )
        recorded.append((inputs, desk.core.step(inputs)))
        if i % 150 == 50:
            snapshots[i] = desk.core.snapshot()
    for start, snapshot in snapshots.items():
        core = ServoCore(Limits())
        core.restore(snapshot)
        assert core.snapshot() == snapshot
        for inputs, outputs in itertools.islice(recorded, start + 1, None):
            assert repr(core.step(inputs)) == repr(outputs)
    assert len(snapshot) < 4096
