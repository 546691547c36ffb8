"""The arm box as a whole, on a virtual clock."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from haptics.vec import norm, sub
from robot_sim.box import FIFO_PRIORITY, NOTE_BYTES, NOTE_SLOTS, read_settings
from robot_sim.errors import BoxError
from robot_sim.joint_servo import ZERO7
from robot_sim.scene import Scene
from robot_sim.sensor import SensorFault
from robot_sim.world import ArmBox
from safety.enable import answer
from safety.messages import ArmCommand, ArmState, EnableSignal
from safety.states import ArmInterface
from teleop import channels
from teleop.config import Config, write_run
from teleop.processes import spec

MS = 1_000_000
SLOW = (0.015, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Bench:
    """Steps a box at 1 kHz with guard and servo that can be silenced."""

    def __init__(self, box: ArmBox) -> None:
        self.box = box
        self.now_ns = 10**10
        self.qd = ZERO7
        self.brake = self.guard_brake = False
        self.power = self.servo = self.guard = True
        self.needle = 0.0
        self.zero_serial = 0
        self._command: ArmCommand | None = None
        self._enable: EnableSignal | None = None
        self.arm: ArmState = box.step(self.now_ns, None, None)

    def run(self, ms: int) -> ArmState:
        for _ in range(ms):
            self.now_ns += MS
            if self.guard:
                good = answer(self.arm.challenge)
                self._enable = EnableSignal(
                    self.now_ns, good, self.power, self.guard_brake, self.zero_serial
                )
            if self.servo:
                self._command = ArmCommand(
                    self.now_ns, self.qd, self.brake, self.needle, ZERO7, ArmInterface.VELOCITY
                )
            self.arm = self.box.step(self.now_ns, self._command, self._enable)
        return self.arm

    def until_braked(self, limit_ms: int) -> int:
        for ms in range(1, limit_ms + 1):
            if self.run(1).braked:
                return ms
        raise AssertionError("never braked")


@pytest.fixture
def bench() -> Iterator[Bench]:
    box = ArmBox(Scene(), seed=3)
    yield Bench(box)
    box.close()


def moving(bench: Bench) -> Bench:
    bench.run(5)
    bench.qd = SLOW
    bench.run(20)
    bench.qd = (0.15, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    bench.run(200)
    assert bench.arm.qd_rad_s[0] == pytest.approx(0.15, abs=0.005)
    return bench


def test_brakes_that_fail_while_guard_is_gone_cost_the_arm_its_power(bench: Bench) -> None:
    """The power line is still on, and nobody is left who would switch it off."""
    moving(bench)
    bench.guard = False
    bench.box.fail_brakes()
    assert 70 <= bench.until_braked(200) <= 75, "20 ms without an answer, 50 ms without braking"
    assert not bench.run(30).powered
    assert max(map(abs, bench.arm.qd_rad_s)) < 1e-3
    bench.guard = True
    bench.qd = ZERO7
    assert not bench.run(50).powered, "the line was never off"
    bench.power = False
    bench.run(2)
    bench.power = True
    assert bench.run(2).powered


def test_starts_braked_without_power_over_the_patient(bench: Bench) -> None:
    arm = bench.arm
    assert arm.braked
    assert not arm.powered
    assert not arm.enabled
    assert arm.base_p_probe_m == pytest.approx((0.58, 0.0, 0.224), abs=1e-3)
    assert math.isfinite(arm.surface_depth_m)
    assert arm.simulated


def test_stands_still_under_brakes_with_and_without_power(bench: Bench) -> None:
    bench.power = False
    start = bench.run(50).base_p_probe_m
    bench.run(500)
    bench.power, bench.brake = True, True
    bench.run(500)
    assert norm(sub(bench.arm.base_p_probe_m, start)) < 1e-5


def test_needs_power_enable_and_a_command_to_move(bench: Bench) -> None:
    bench.qd = SLOW
    bench.power = False
    assert bench.run(100).braked
    bench.power, bench.servo = True, False
    assert bench.run(100).braked
    bench.servo, bench.guard_brake = True, True
    assert bench.run(100).braked
    bench.guard_brake, bench.brake = False, True
    assert bench.run(100).braked
    bench.brake = False
    assert not bench.run(100).braked
    assert bench.arm.qd_rad_s[0] == pytest.approx(SLOW[0], abs=1e-3)


@pytest.mark.parametrize(
    ("silence", "limit_ms"),
    [("servo", 22), ("guard", 26), ("power", 2), ("brake", 2), ("guard_brake", 2)],
)
def test_every_way_to_brake_and_the_arm_is_at_rest(
    bench: Bench, silence: str, limit_ms: int
) -> None:
    moving(bench)
    setattr(bench, silence, silence in ("brake", "guard_brake"))
    taken_ms = bench.until_braked(100)
    assert taken_ms <= limit_ms
    if silence in ("servo", "guard"):
        assert taken_ms > 20
    bench.run(60)  # 0.15 rad/s at 5 rad/s2 is 30 ms
    assert max(map(abs, bench.arm.qd_rad_s)) < 1e-3
    at = bench.arm.base_p_probe_m
    bench.run(300)
    assert norm(sub(bench.arm.base_p_probe_m, at)) < 1e-4
    assert bench.arm.command_trips == int(silence == "servo")
    assert bench.arm.enable_trips == int(silence == "guard")


def test_after_a_trip_a_fast_command_does_not_start_motion(bench: Bench) -> None:
    moving(bench)
    bench.servo = False
    bench.run(100)
    bench.servo = True
    assert bench.run(200).braked
    bench.qd = ZERO7
    assert not bench.run(2).braked


def test_a_command_that_is_not_a_number_brakes(bench: Bench) -> None:
    moving(bench)
    bench.qd = (math.nan, *ZERO7[1:])
    assert bench.until_braked(5) == 1


def test_needle_moves_only_with_open_brakes_and_within_its_travel(bench: Bench) -> None:
    bench.run(5)
    bench.needle = 1.0
    bench.run(1000)
    # 5 mm/s, less the ramp of 50 ms.
    assert bench.arm.needle_depth_m == pytest.approx(0.005 - 0.000125, rel=0.02)
    before = bench.arm.needle_depth_m
    bench.brake = True
    at = bench.run(30).needle_depth_m
    assert at - before < 0.0001, "rest from full speed"
    assert bench.run(200).needle_depth_m == at


def test_a_stopped_world_loses_time_instead_of_running_after_it(bench: Bench) -> None:
    moving(bench)
    before = bench.arm.q_rad[0]
    bench.now_ns += 10**9
    bench.run(1)
    assert bench.arm.q_rad[0] - before < 0.15 * 0.02


def test_same_seed_same_world() -> None:
    def course() -> ArmState:
        box = ArmBox(Scene(), seed=3)
        bench = moving(Bench(box))
        box.close()
        return bench.arm

    assert course() == course()


def test_sensor_faults_reach_the_state(bench: Bench) -> None:
    bench.run(10)
    bench.box.sensor.fault = SensorFault.INVALID
    assert not bench.run(1).force_valid


def test_constants_agree_with_the_tables_the_box_may_not_import() -> None:
    assert spec("arm").fifo == FIFO_PRIORITY
    assert spec("arm").module == "robot_sim.box"
    notes = channels.NOTES["arm"]
    assert (notes.size, notes.slots, notes.name) == (NOTE_BYTES, NOTE_SLOTS, "arm.notes")
    names = {c.name for c in (channels.ARM_STATE, channels.ARM_COMMAND, channels.ARM_ENABLE)}
    assert names == {"arm.state", "arm.command", "arm.enable"}


def test_settings_come_from_the_run_folder(tmp_path: Path) -> None:
    write_run(tmp_path, Config())
    settings = read_settings(tmp_path, cores=2)
    assert (settings.control_hz, settings.physics_hz) == (500, 1000)
    assert settings.command_silence_ns == settings.enable_silence_ns == 20 * MS
    assert read_settings(tmp_path, cores=8).control_hz == 1000


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rates": 3}', "\x00", '{"rates": {}}'])
def test_bad_settings_are_refused_in_words(tmp_path: Path, text: str) -> None:
    write_run(tmp_path, Config())
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BoxError, match=r"config\.json"):
        read_settings(tmp_path, cores=2)


def test_every_field_of_the_state_is_a_number_or_known(bench: Bench) -> None:
    values = dataclasses.asdict(bench.run(20))
    json.dumps(values, allow_nan=False)
