"""Arm box and servo as the real processes; a thread stands for guard and gives permit and command.

No network and no guard: what is looked at is the law in its own process, at its own rate, with the
rights and the lateness it gets. Every cycle is taken from servo's log.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from pathlib import Path

from bench.force.rig import PERMIT, HandMotion, Patient
from bench.force.spec import Law, Spec
from bench.kit.bench import BenchError
from safety.enable import answer
from safety.limits import Limits
from safety.messages import SERVO_STEP, ArmState, EnableSignal, Permit, ServoReport
from safety.states import ContactState
from teleop import channels
from teleop.config import Arm, Config, Rates, write_run
from transport.local.clock import now_ns, sleep_until
from transport.local.timing import LoopTiming

DRIVER = {Law.VELOCITY: "sim", Law.TORQUE: "sim-torque"}
MODULES = {"arm": "robot_sim.box", "servo": "teleop.servo"}
START_S = 20.0
LIFE_NS = 900_000_000
FEED_NS = 5_000_000
"""The thread renews permit, command and enable answer at 200 Hz."""
LOOK_NS = 50_000_000
"""Servo's log is emptied this often; it holds four seconds at 1 kHz."""
LIMITS = Limits(
    permit_life_ms=1000.0, servo_silent_ms=200.0, command_age_ms=1000.0, arm_silent_ms=200.0,
    force_sample_ms=200.0,
)  # fmt: skip
"""The feeding thread is no guard and has no real-time rights: a late one must not end the case."""
_SCENE = """
[surface]
base_p_patient_m = [{s.base_p_patient_m[0]}, {s.base_p_patient_m[1]}, {s.base_p_patient_m[2]}]
relief_m = {s.relief_m}
relief_length_m = {s.relief_length_m}
[breathing]
peak_to_peak_m = {b.peak_to_peak_m}
frequency_hz = {b.frequency_hz}
[mechanics]
stiffness_n_m = {m.stiffness_n_m}
exponent = {m.exponent}
damping_n_s_m = {m.damping_n_s_m}
friction = {m.friction}
"""


class Processes:
    """The closed loop in real time; looks like `bench.force.rig.Rig` to those who measure."""

    def __init__(self, spec: Spec, patient: Patient, run_dir: Path) -> None:
        self.hz = spec.control_hz
        self.hand: HandMotion | None = None
        self.hand_from_ns = 0
        self.history: list[tuple[int, ArmState, ServoReport]] = []
        """Filled by `decode`."""
        self._raw: list[bytes] = []
        self._permit = PERMIT
        self._write_config(spec, patient, run_dir)
        self._run_dir = run_dir
        self._arms = channels.box(run_dir, channels.ARM_STATE)
        self._reports = channels.box(run_dir, channels.SERVO_REPORT)
        self._permits = channels.box(run_dir, channels.PERMIT)
        self._enables = channels.box(run_dir, channels.ARM_ENABLE)
        self._log = channels.ring_reader(run_dir, channels.SERVO_LOG, from_oldest=True)
        self._life, self._life_end = os.pipe()
        self._children = {name: self._start(module) for name, module in MODULES.items()}
        self._stop = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()

    @property
    def lost(self) -> int:
        """Cycles that the log no longer had when it was read."""
        return self._log.lost

    @property
    def cycles(self) -> int:
        """Cycles seen so far."""
        return len(self._raw)

    def order(self, **changes: object) -> None:
        """Change the command that the expert gives."""
        command = dataclasses.replace(self._permit.command, **changes)  # type: ignore[arg-type]
        self._permit = dataclasses.replace(self._permit, command=command)

    def start_hand(self, hand: HandMotion) -> None:
        """From now on the hand moves."""
        self.hand_from_ns, self.hand = now_ns(), hand

    def run(self, seconds: float) -> None:
        """Let it run; take what servo logs. BenchError: a process died."""
        end_ns = now_ns() + round(seconds * 1e9)
        while now_ns() < end_ns:
            self._look()

    def until(self, state: ContactState, seconds: float) -> bool:
        """Run until servo reports `state`; False: not within `seconds`."""
        end_ns = now_ns() + round(seconds * 1e9)
        while now_ns() < end_ns:
            self._look()
            item = self._reports.read()
            if item is not None and item[1].contact is state:
                return True
        return False

    def timing(self) -> dict[str, LoopTiming]:
        """What arm and servo count of their own lateness, waited for."""
        boxes = {name: channels.box(self._run_dir, channels.TIMING[name]) for name in MODULES}
        end_ns = now_ns() + round(START_S * 1e9)
        while True:
            found = {name: item[1] for name, box in boxes.items() if (item := box.read())}
            if len(found) == len(boxes):
                return found
            if now_ns() > end_ns:
                raise BenchError("arm or servo does not tell its timing")
            self._look()

    def arm(self) -> ArmState:
        """The newest measurement."""
        item = self._arms.read()
        if item is None:
            raise BenchError("the arm box says nothing")
        state: ArmState = item[1]
        return state

    def decode(self) -> None:
        """Make `history` of everything that was logged."""
        steps = map(SERVO_STEP.unpack, self._raw)
        self.history = [(s.inputs.now_ns, s.inputs.arm, s.outputs.report) for s in steps]

    def close(self) -> None:
        """End both processes; they brake and leave when their life pipe ends."""
        self._stop.set()
        self._feeder.join()
        os.close(self._life_end)
        for child in self._children.values():
            try:
                child.wait(5.0)
            except subprocess.TimeoutExpired:  # it cannot be asked again
                child.kill()
                child.wait()
        os.close(self._life)

    def _write_config(self, spec: Spec, patient: Patient, run_dir: Path) -> None:
        scene, file = patient.scene(), run_dir / "scene.toml"
        file.write_text(
            _SCENE.format(s=scene.surface, b=scene.breathing, m=scene.mechanics), "utf-8"
        )
        config = Config(
            seed=spec.seed,
            rates=Rates(control_hz=spec.control_hz, physics_hz=1000),
            arm=Arm(driver=DRIVER[spec.law], scene=str(file)),
            limits=LIMITS,
        )
        channels.create_all(run_dir)
        write_run(run_dir, config)

    def _start(self, module: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", module, "--run", str(self._run_dir)]
        return subprocess.Popen(
            [*words, "--life", str(self._life)], pass_fds=(self._life,), stdin=subprocess.DEVNULL
        )

    def _look(self) -> None:
        self._raw += [payload for _, payload in self._log.read()]
        for name, child in self._children.items():
            if child.poll() is not None:
                raise BenchError(f"{name} left with {child.returncode}")
        sleep_until(now_ns() + LOOK_NS)

    def _feed(self) -> None:
        seq, due_ns = 0, now_ns()
        while not self._stop.is_set():
            seq += 1
            at_ns = now_ns()
            item = self._arms.read()
            challenge = item[1].challenge if item else 0
            self._enables.write(EnableSignal(at_ns, answer(challenge), True, False, 0))
            self._permits.write(self._fresh(seq, at_ns))
            due_ns = max(due_ns + FEED_NS, now_ns())
            sleep_until(due_ns)

    def _fresh(self, seq: int, at_ns: int) -> Permit:
        permit, hand = self._permit, self.hand
        command = dataclasses.replace(permit.command, seq=seq)
        if hand is not None:
            p, r, v, w = hand((at_ns - self.hand_from_ns) / 1e9)
            command = dataclasses.replace(
                command, hand_p_m=p, hand_r_rad=r, hand_v_m_s=v, hand_w_rad_s=w
            )
        return dataclasses.replace(
            permit, issued_ns=at_ns, valid_until_ns=at_ns + LIFE_NS, command=command,
            command_stamp_ns=at_ns,
        )  # fmt: skip
