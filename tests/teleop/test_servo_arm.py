from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from servo_rig import scene

from robot_sim.world import ArmBox
from safety.enable import answer
from safety.messages import EnableSignal
from teleop import channels
from teleop.drivers.arm import ARMS, ArmError, OperatingState, UnknownArmError, entry, velocities
from teleop.drivers.arm_box import RATE_MAX_RAD_S, BoxArm

ROOT = Path(__file__).parents[2]


def test_unknown_arms_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownArmError, match=r"'ur5' is unknown; known arms: .*sim"):
        entry("ur5")
    assert entry("sim").declares_simulated
    assert ARMS["sim"].summary


def test_box_driver_shows_what_the_box_measures(tmp_path: Path) -> None:
    channels.create_all(tmp_path)
    arm = entry("sim").open(tmp_path)
    assert arm.receive() is None
    assert (arm.operating_state(), arm.declares_simulated) == (OperatingState.FAULT, False)
    with pytest.raises(ArmError, match="not heard"):
        arm.measured_cp()

    box, states = ArmBox(scene()), channels.box(tmp_path, channels.ARM_STATE)
    now = 10**9
    state = box.step(now, None, None)
    states.write(state)
    seen = arm.receive()
    assert seen is not None
    assert seen[0] == 1
    assert repr(seen[1]) == repr(state)
    assert arm.declares_simulated
    assert arm.operating_state() is OperatingState.DISABLED
    assert arm.measured_js() == (state.q_rad, state.qd_rad_s)
    assert arm.measured_cp() == (state.base_p_probe_m, state.base_q_probe)
    assert arm.measured_cv()[0] == state.base_v_probe_m_s
    assert arm.measured_cf() == (state.force_n, state.torque_nm)

    for _ in range(3):
        now += 2_000_000
        enable = EnableSignal(now, answer(state.challenge), power=True, brake=False, zero_serial=0)
        state = box.step(now, None, enable)
    states.write(state)
    arm.receive()
    assert arm.operating_state() is OperatingState.PAUSED
    box.close()
    arm.close()


def test_box_driver_tells_what_it_really_sent(tmp_path: Path) -> None:
    channels.create_all(tmp_path)
    arm = BoxArm(tmp_path)
    asked = velocities(7, (2.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    sent = arm.servo_jv(asked)
    assert sent.qd_rad_s == pytest.approx((RATE_MAX_RAD_S, -RATE_MAX_RAD_S / 2, 0, 0, 0, 0, 0))
    commands = channels.box(tmp_path, channels.ARM_COMMAND)
    assert commands.read() == (1, sent)
    arm.close()


def test_the_example_of_an_own_arm_runs_and_is_short() -> None:
    example = ROOT / "examples" / "own_arm.py"
    assert len(example.read_text("utf-8").splitlines()) < 60
    done = subprocess.run(
        [sys.executable, str(example)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "9.9 mm down" in done.stdout or "10.0 mm down" in done.stdout
