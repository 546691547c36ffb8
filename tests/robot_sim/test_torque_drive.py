"""The box's torque interface: its weight, its limits and its brakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from haptics.dynamics import dynamics
from haptics.iiwa import IIWA_MODEL, START_RAD
from robot_sim.scene import Scene
from robot_sim.torque_drive import (
    RELEASE_NM,
    SPEED_MAX_RAD_S,
    TORQUE_MAX_NM,
    TORQUE_RATE_NM_S,
    TorqueDrive,
)
from robot_sim.watchdogs import SILENCE_NS
from robot_sim.world import ArmBox
from safety.enable import answer
from safety.messages import ArmCommand, ArmState, EnableSignal
from safety.states import ArmInterface

MS = 1_000_000
ZERO7 = (0.0,) * 7


class Desk:
    def __init__(self) -> None:
        self.box = ArmBox(Scene())
        self.now_ns = 1_000 * MS
        self.tau_nm: tuple[float, ...] = ZERO7
        self.silent = False
        self.command: ArmCommand | None = None
        self.state: ArmState = self.step()

    def step(self, cycles: int = 1) -> ArmState:
        for _ in range(cycles):
            self.now_ns += MS
            if not self.silent:
                self.command = ArmCommand(
                    self.now_ns, ZERO7, False, 0.0, self.tau_nm, ArmInterface.TORQUE
                )
            challenge = self.state.challenge if hasattr(self, "state") else 0
            enable = EnableSignal(self.now_ns, answer(challenge), True, False, 0)
            self.state = self.box.step(self.now_ns, self.command, enable)
        return self.state


@pytest.fixture
def desk() -> Iterator[Desk]:
    one = Desk()
    yield one
    one.box.close()


def test_zero_torque_floats_and_the_box_holds_the_weight(desk: Desk) -> None:
    desk.step(500)
    assert not desk.state.braked
    assert desk.state.q_rad == pytest.approx(START_RAD, abs=1e-3)


def test_the_boxes_weight_is_that_of_the_model(desk: Desk) -> None:
    ours = dynamics(IIWA_MODEL, START_RAD, ZERO7).gravity_nm
    assert desk.box.body.weight_nm(START_RAD) == pytest.approx(ours, abs=1e-9)


def test_a_torque_moves_the_arm_and_silence_brakes_it(desk: Desk) -> None:
    desk.tau_nm = (0.0, 2.0, *ZERO7[2:])
    desk.step(200)
    assert desk.state.qd_rad_s[1] > 0.05
    desk.silent = True
    desk.step(SILENCE_NS // MS + 300)
    assert desk.state.braked
    assert desk.state.command_trips == 1
    assert max(map(abs, desk.state.qd_rad_s)) < 1e-3


def test_brakes_do_not_open_with_a_jerk() -> None:
    jerk = (0.0, RELEASE_NM * 1.01, *ZERO7[2:])
    drive = TorqueDrive()
    assert not drive.accepts(jerk, ZERO7, braked=True)
    assert drive.accepts(jerk, ZERO7, braked=False)
    assert drive.accepts((0.0, RELEASE_NM, *ZERO7[2:]), ZERO7, braked=True)


def test_too_fast_brakes(desk: Desk) -> None:
    desk.tau_nm = (0.0, 15.0, *ZERO7[2:])
    fastest = 0.0
    for _ in range(600):
        fastest = max(fastest, abs(desk.step().qd_rad_s[1]))
    assert fastest < SPEED_MAX_RAD_S * 1.05
    assert desk.state.braked or abs(desk.state.qd_rad_s[1]) < SPEED_MAX_RAD_S


def test_torques_are_limited_in_size_and_rate() -> None:
    drive = TorqueDrive()
    drive.update(ZERO7, 0.001)
    first = drive.update((500.0,) * 7, 0.001)
    assert max(first) == pytest.approx(TORQUE_RATE_NM_S * 0.001)
    for _ in range(1000):
        drive.update((500.0,) * 7, 0.001)
    assert drive.tau_nm == TORQUE_MAX_NM
    drive.leave()
    assert drive.tau_nm is None
