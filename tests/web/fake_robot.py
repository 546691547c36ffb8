"""A robot for the pages: real gateway and media processes, made-up guard and arm."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from safety import messages as m
from safety.frame import SafetyFrame, unpack
from safety.limits import Limits, limits_hash
from safety.states import (
    Alarm,
    Cause,
    Clamp,
    Contact,
    ContactState,
    Instrument,
    NeedlePlan,
    PermitKind,
    State,
    Step,
)
from teleop import channels
from teleop.config import Config, Network, write_run
from teleop.guard.keypipe import KeyPipe
from teleop.keys.service import SOCKET
from transport.local.clock import now_ns
from transport.local.datagram import DatagramReceiver

CODES = {
    "console": [f"CNSL-{n:04d}" for n in range(1000, 1040)],
    "bedside": [f"BEDS-{n:04d}" for n in range(1000, 1040)],
    "observer": [f"OBSV-{n:04d}" for n in range(1000, 1040)],
}
LIMITS = Limits(image_stale_ms=3000.0)
"""The machine is shared and noisy; where the picture's age is the subject, tests say so."""


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> Any:
    """Poll until true; the value."""
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)
    return value


def report_of(**changes: Any) -> m.GuardReport:
    """A guard report of now."""
    now = now_ns()
    base = m.GuardReport(
        incarnation=1, stamp_ns=now, nonce=now & 0xFFFFFFFF, cycle=1, state=State.IDLE,
        since_ns=now, first_out=Cause.NONE, causes=0, live_causes=0, alarm=Alarm.NONE,
        step=Step.JOIN_BEDSIDE, epoch=(7 << 32) + 3, engagement=0, permit=PermitKind.NONE,
        v_max_m_s=0.1, f_max_n=20.0, contact=Contact.SKIN, instrument=Instrument.UNKNOWN,
        clamps=Clamp.NONE, age_ms=14.2, loop_ms=31.5, image_ms=22.4, haptic_ms=18.1,
        slots_missed=0, bucket_ms=0.0, qualified=0.4, mark=-1, mark_ok=False, stop_tested=True,
        bedside_input=True, bedside_page=True, consent=False, consent_until_ns=0,
        acknowledged=False, deadman=False, session=1, commands_accepted=0, commands_rejected=0,
        last_rejection=0, limits_hash=limits_hash(LIMITS), limits_widened=True, simulated=True,
        lateness_us=5.0, compute_us=100.0, overruns=0, braked=True, at_rest=True, powered=True,
        force_n=4.9, stop_ms=-1.0, stop_force_n=0.0, needle_plan=NeedlePlan.NONE,
        needle_goal_m=0.0, needle_advance=False, needle_attempts=0,
    )  # fmt: skip
    return replace(base, **changes)


def arm_of(**changes: Any) -> m.ArmState:
    """An arm state of now: the probe presses on the middle of the belly."""
    now = now_ns()
    base = m.ArmState(
        incarnation=1, stamp_ns=now, q_rad=(0.0, 0.72, 0.0, -1.45, 0.0, 0.97, 0.0),
        qd_rad_s=(0.0,) * 7, base_p_probe_m=(0.58, 0.0, 0.155), base_q_probe=(1.0, 0.0, 0.0, 0.0),
        base_v_probe_m_s=(0.0,) * 3, base_w_probe_rad_s=(0.0,) * 3, force_n=(0.1, 0.2, 4.9),
        torque_nm=(0.0,) * 3, force_stamp_ns=now, force_valid=True, powered=True, braked=True,
        enabled=True, needle_depth_m=float("nan"), challenge=1, command_trips=0, enable_trips=0,
        applied_seq=0, simulated=True, surface_depth_m=0.005, contact_force_n=4.9,
        needle_v_m_s=0.0, needle_force_n=0.0, needle_entry_m=0.0, needle_tip_m=(0.0, 0.0, 0.0),
        zero_serial=0, zero_ok=True,
    )  # fmt: skip
    return replace(base, **changes)


def servo_of(**changes: Any) -> m.ServoReport:
    """A servo report of now: pressing at 5 N."""
    now = now_ns()
    base = m.ServoReport(
        incarnation=1, stamp_ns=now, cycle=1, permit_epoch=1, permit_kind=PermitKind.OPERATE,
        command_seq=1, applied_ns=now, contact=ContactState.PRESS, force_filtered_n=4.9,
        force_ref_n=5.0, base_p_target_m=(0.58, 0.0, 0.155), v_target_m_s=(0.0,) * 3,
        offset_m=0.0, offset_rad=0.0, stiffness_n_m=600.0, clamps=Clamp.NONE, lateness_us=50.0,
        compute_us=200.0, overruns=0, yielding=False, lapsed=False, needle_v_m_s=0.0,
        needle_force_n=0.0, needle_stiffness_n_m=0.0, punctures=0, needle_gate=0.0,
        needle_pivot_rad=0.0, touch=0,
    )  # fmt: skip
    return replace(base, **changes)


@dataclass
class Robot:
    """Run folder, fake guard (a thread), gateway and (on request) media."""

    run_dir: Path
    guard: dict[str, Any] = field(default_factory=dict)
    """Fields of the guard report that differ from the default."""
    servo: dict[str, Any] = field(default_factory=dict)
    arm: dict[str, Any] = field(default_factory=dict)
    silent: bool = False
    """Guard says nothing."""
    port: int = 0
    keys: KeyPipe = field(default_factory=lambda: KeyPipe(None))
    """As guard's: says who made a frame."""

    def __post_init__(self) -> None:
        self.run_dir.mkdir(parents=True, exist_ok=True)
        channels.create_all(self.run_dir)
        write_run(self.run_dir, Config(network=Network(port=0, repeat_after_ms=2.0), limits=LIMITS))
        (self.run_dir / "site.json").write_text('{"simulated": true, "site": "test", "boot": 1}')
        (self.run_dir / "join.json").write_text(json.dumps(CODES))
        self._events = DatagramReceiver(self.run_dir / channels.GUARD_EVENTS)
        self._frame = channels.raw_box(self.run_dir, channels.COMMAND_FRAME)
        self._status = channels.box(self.run_dir, channels.GATEWAY_STATUS)
        self._codes = {role: list(codes) for role, codes in CODES.items()}
        self._children: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._guard_loop, daemon=True)
        self._thread.start()

    def _guard_loop(self) -> None:
        report = channels.box(self.run_dir, channels.GUARD_REPORT)
        arm = channels.box(self.run_dir, channels.ARM_STATE)
        servo = channels.box(self.run_dir, channels.SERVO_REPORT)
        while not self._halt.wait(0.004):
            if not self.silent:
                report.write(report_of(**self.guard))
            arm.write(arm_of(**self.arm))
            servo.write(servo_of(**self.servo))

    def show(self, **changes: Any) -> None:
        """What guard reports from now on."""
        self.guard = changes

    def start(self, name: str) -> None:
        """Start `gateway`, `media` or `keys`."""
        read_end, write_end = os.pipe()
        extra, fds = [], [read_end]
        if name == "keys":
            pipe, for_keys = os.pipe()
            self.keys = KeyPipe(pipe)
            extra = ["--guard-pipe", str(for_keys), "--state", str(self.run_dir)]
            fds.append(for_keys)
        child = subprocess.Popen(
            [sys.executable, "-m", f"teleop.{name}", "--run", str(self.run_dir),
             "--life", str(read_end), *extra], pass_fds=fds,
        )  # fmt: skip
        os.close(read_end)
        self._children[name] = (child, write_end)
        ready = {
            "gateway": self._gateway_answers,
            "media": self._media_answers,
            "keys": (self.run_dir / SOCKET).exists,
        }[name]
        wait_until(lambda: ready() or child.poll() is not None, f"{name} is ready", 60)
        assert child.poll() is None, f"{name} ended at once"

    def _gateway_answers(self) -> bool:
        where = self.run_dir / "gateway.json"
        if not where.exists():
            return False
        self.port = json.loads(where.read_text())["port"]
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", self.port)) == 0

    def _media_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            return link.connect_ex(str(self.run_dir / channels.MEDIA_CONTROL)) == 0

    def runs(self, name: str) -> bool:
        """True while the process is there."""
        return name in self._children and self._children[name][0].poll() is None

    def kill(self, name: str) -> None:
        """SIGKILL one process."""
        child, life = self._children.pop(name)
        child.kill()
        child.wait()
        with contextlib.suppress(OSError):
            os.close(life)

    def url(self, role: str, *, lang: str = "en", code: bool = True) -> str:
        """Address of a page, with a fresh join code."""
        path = "observe" if role == "observer" else role
        mark = f"#code={self._codes[role].pop(0)}" if code else ""
        return f"http://127.0.0.1:{self.port}/{path}?lang={lang}{mark}"

    def events(self) -> list[m.GuardEvent]:
        """Events that arrived since the last call."""
        return [m.GUARD_EVENT.unpack(raw) for raw in self._events.receive()]

    def frame(self) -> SafetyFrame | None:
        """The newest safety frame."""
        item = self._frame.read()
        return unpack(item[1]) if item else None

    def raw_frame(self) -> bytes:
        """The newest safety frame, as the page made it."""
        return bytes(wait_until(self._frame.read, "a frame")[1])

    def gateway(self) -> m.GatewayStatus:
        """What the gateway tells guard."""
        item = wait_until(self._status.read, "gateway status")
        status: m.GatewayStatus = item[1]
        return status

    def close(self) -> None:
        """Stop everything."""
        for name in list(self._children):
            self.kill(name)
        self._halt.set()
        self._thread.join()
        self._events.close()


@contextlib.contextmanager
def robot_in(folder: Path, *processes: str) -> Iterator[Robot]:
    """A robot with these processes running."""
    robot = Robot(folder)
    try:
        for name in processes:
            robot.start(name)
        yield robot
    finally:
        robot.close()
