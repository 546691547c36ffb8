"""Box and servo as real processes, with enable answers and a permit written by the test."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safety.enable import answer
from safety.limits import Limits
from safety.messages import ArmState, EnableSignal, Permit, ServoReport
from safety.states import ContactState, PermitKind, State
from teleop import channels
from teleop.config import Config, Rates, write_run
from teleop.servo.health import NO_COMMAND, NO_PERMIT
from transport.local.clock import now_ns, sleep_until

pytestmark = pytest.mark.process
DEADLINE_S = 120.0
# The watchdogs themselves are tested on the virtual clock; here the machine may be busy.
PATIENT_LIMITS = Limits(
    permit_life_ms=1000.0,
    servo_silent_ms=1000.0,
    command_age_ms=1000.0,
    arm_silent_ms=1000.0,
    force_sample_ms=1000.0,
)
SCENE = """
[surface]
base_p_patient_m = [0.58, 0.0, 0.215]
"""


class Site:
    """The two processes and a thread that plays guard."""

    def __init__(self, run_dir: Path) -> None:
        scene = run_dir / "scene.toml"
        scene.write_text(SCENE)
        config = Config(rates=Rates(control_hz=250, real_time=False), limits=PATIENT_LIMITS)
        config = dataclass_scene(config, scene)
        channels.create_all(run_dir)
        write_run(run_dir, config)
        self.run_dir = run_dir
        self.arms = channels.box(run_dir, channels.ARM_STATE)
        self.reports = channels.box(run_dir, channels.SERVO_REPORT)
        self._permits = channels.box(run_dir, channels.PERMIT)
        self._enables = channels.box(run_dir, channels.ARM_ENABLE)
        self.permit = NO_PERMIT
        self._read_end, self._write_end = os.pipe()
        self.children = {
            name: self._start(module)
            for name, module in (("arm", "robot_sim.box"), ("servo", "teleop.servo"))
        }
        self._stop = threading.Event()
        self._guard = threading.Thread(target=self._play_guard, daemon=True)
        self._guard.start()

    def _start(self, module: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", module, "--run", str(self.run_dir)]
        words += ["--life", str(self._read_end)]
        return subprocess.Popen(words, pass_fds=(self._read_end,), stderr=subprocess.PIPE)

    def _play_guard(self) -> None:
        seq = 0
        while not self._stop.is_set():
            now = now_ns()
            seq += 1
            arm = self.arms.read()
            challenge = arm[1].challenge if arm else 0
            self._enables.write(
                EnableSignal(now, answer(challenge), power=True, brake=False, zero_serial=0)
            )
            command = dataclasses.replace(self.permit.command, seq=seq)
            self._permits.write(
                dataclasses.replace(
                    self.permit,
                    issued_ns=now,
                    valid_until_ns=now + 900_000_000,
                    command_stamp_ns=now,
                    command=command,
                )
            )
            sleep_until(now + 4_000_000)

    def arm(self) -> ArmState:
        item = self.arms.read()
        assert item is not None
        state: ArmState = item[1]
        return state

    def report(self) -> ServoReport:
        item = self.reports.read()
        assert item is not None
        report: ServoReport = item[1]
        return report

    def until(self, condition: Callable[[], bool], what: str) -> None:
        due = now_ns() + int(DEADLINE_S * 1e9)
        while not condition():
            assert now_ns() < due, f"{what} did not happen: {self.report()} {self.arm()}"
            for name, child in self.children.items():
                if child.poll() not in (None, 0):
                    assert child.stderr is not None
                    pytest.fail(f"{name} died: {child.stderr.read().decode()}")
            sleep_until(now_ns() + 2_000_000)

    def drop_life(self) -> None:
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1

    def close(self) -> None:
        self.drop_life()
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
            child.wait()
            assert child.stderr is not None
            child.stderr.close()
        self._stop.set()
        self._guard.join()
        os.close(self._read_end)


def dataclass_scene(config: Config, scene: Path) -> Config:
    import msgspec

    return msgspec.structs.replace(
        config, arm=msgspec.structs.replace(config.arm, scene=str(scene))
    )


def operate() -> Permit:
    return dataclasses.replace(
        NO_PERMIT,
        epoch=1,
        kind=PermitKind.OPERATE,
        state=State.ACTIVE,
        v_max_m_s=0.1,
        v_contact_m_s=0.03,
        w_max_rad_s=0.6,
        f_max_n=20.0,
        new_contact=True,
        ramp=1.0,
        engagement=1,
        command=dataclasses.replace(NO_COMMAND, deadman=True, force_ref_n=5.0),
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    yield running
    running.close()


def test_presses_with_a_permit_and_leaves_in_order(site: Site) -> None:
    site.until(lambda: site.arms.read() is not None, "the box speaks")
    site.until(lambda: site.reports.read() is not None, "servo speaks")
    site.until(lambda: site.arm().powered and site.arm().enabled, "power is on")
    assert site.arm().braked
    site.permit = operate()
    site.until(lambda: site.report().contact is ContactState.PRESS, "contact")
    site.until(lambda: abs(site.arm().contact_force_n - 5.0) < 0.5, "5 N")

    site.children["servo"].send_signal(signal.SIGINT)  # Ctrl-C is the supervisor's business
    site.children["servo"].send_signal(signal.SIGTERM)
    site.until(lambda: site.children["servo"].poll() is not None, "servo leaves")
    assert site.children["servo"].returncode == 0
    site.until(lambda: site.arm().braked, "the arm brakes")
    site.drop_life()
    site.until(
        lambda: site.children["arm"].poll() is not None, "the box leaves with its supervisor"
    )
    assert site.children["arm"].returncode == 0
    assert max(map(abs, site.arm().base_v_probe_m_s)) < 0.002

    log = channels.ring_reader(site.run_dir, channels.SERVO_LOG, from_oldest=True)
    assert len(log.read()) > 100
    shots = channels.ring_reader(site.run_dir, channels.SERVO_SNAPSHOT, from_oldest=True).read()
    assert {"core", "law"} == json.loads(shots[-1][1][8:]).keys()


def test_both_leave_when_the_supervisor_dies(site: Site) -> None:
    site.until(lambda: site.arms.read() is not None, "the box speaks")
    site.until(lambda: site.reports.read() is not None, "servo speaks")
    site.drop_life()
    for name, child in site.children.items():
        site.until(lambda child=child: child.poll() is not None, f"{name} leaves")  # type: ignore[misc]
        assert child.returncode == 0


@pytest.mark.parametrize("module", ["robot_sim.box", "teleop.servo"])
def test_without_a_run_folder_there_is_a_clear_error(module: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", module, "--run", str(tmp_path / "none")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "config.json" in done.stderr
    assert "Traceback" not in done.stderr
