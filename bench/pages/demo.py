"""`teleop demo` as a child process, watched through its channels."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safety.messages import ArmState, GuardReport, ServoReport
from safety.states import Cause, State
from teleop import channels
from transport.local import clock

POLL_NS = 20_000_000

WIDENED = """
[limits]
command_age_ms = {age}
stamp_life_ms = {age}
slot_late_ms = 500.0
bucket_ms = 10000.0
bucket_refill = 1.0
slot_window = 50
degraded_misses = 40
hold_misses = 50
loop_ms = 900.0
loop_once_ms = 950.0
image_stale_ms = 1500.0
picture_frozen_ms = 1000.0
media_silent_ms = 1500.0
gateway_silent_ms = 900.0
servo_silent_ms = 200.0
arm_silent_ms = 200.0
own_gap_ms = 200.0
force_sample_ms = 100.0
permit_life_ms = 60.0
dwell_disagreement_ms = 100.0
bedside_page_ms = 2000.0
qualify_age_ms = 500.0
qualify_s = 1.0
consent_s = 60.0
"""
"""Timing is not the subject here: the machine is shared and noisy (the banner says so)."""

LIGHT = """
[rates]
control_hz = 250

[video]
width = 320
height = 240
bitrate_kbps = 2000

[network]
repeat_after_ms = 0.0
"""
"""Neither picture nor rates are the subject, nothing is lost on loopback, and two pages drawn in
software need two cores."""


def wait_for(what: str, check: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """Poll `check` until it is true; fail with `what` and the last value."""
    end_ns = clock.now_ns() + int(timeout_s * 1e9)
    value: Any = None
    while clock.now_ns() < end_ns:
        value = check()
        if value:
            return value
        clock.sleep_until(clock.now_ns() + POLL_NS)
    raise AssertionError(f"not within {timeout_s} s: {what} (last: {value!r})")


@dataclass
class Demo:
    """`teleop demo` as a child process, seen through its channels."""

    folder: Path
    age_ms: float = 500.0
    extra: str = ""
    widened: bool = True
    """Latency limits far from those of the policy; False: the policy itself."""
    python: str = sys.executable
    """Interpreter, or a script that runs it elsewhere (behind an emulated network)."""
    seed: int = 1
    auto_s: float = 0.0
    """Scripted people scan for this long; 0: people come with pages."""
    record: bool = True
    """False: no recording, where it is not the subject (it costs a loaded machine pictures)."""
    process: subprocess.Popen[str] = field(init=False)
    run_dir: Path = field(init=False)
    bedside: socket.socket = field(init=False)

    def start(self) -> Demo:
        """Start it; return when the pages can be opened and the bedside key is connected."""
        config = self.folder / "config.toml"
        limits = WIDENED.format(age=self.age_ms) if self.widened else ""
        config.write_text(limits + self.extra, "utf-8")
        self.log = (self.folder / "demo.log").open("w+")
        socket_path = self.folder / "bedside.sock"
        command = [self.python, "-m", "teleop.cli", "demo", "--json", "--port", "0"]
        command += ["--seed", str(self.seed)]
        command += ["--config", str(config), "--out", str(self.folder / "out")]
        if not self.record:
            command += ["--no-record"]
        if self.auto_s > 0.0:
            command += ["--auto", f"{self.auto_s:g}"]
        else:
            command += ["--bedside-input", str(socket_path)]
        self.process = subprocess.Popen(
            command,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.joined = wait_for("the demo prints its addresses", self._joined, 120)
        self.run_dir = Path(self.joined["run_dir"])
        self._arm = channels.box(self.run_dir, channels.ARM_STATE)
        self._guard = channels.box(self.run_dir, channels.GUARD_REPORT)
        self._servo = channels.box(self.run_dir, channels.SERVO_REPORT)
        if self.auto_s <= 0.0:
            self.bedside = wait_for("bedside input listens", lambda: _connect(socket_path))
        return self

    def _joined(self) -> dict[str, Any] | None:
        assert self.process.poll() is None, self.output()
        return next((line for line in self.lines() if line.get("event") == "joined"), None)

    def lines(self) -> list[dict[str, Any]]:
        """Everything the demo printed, one JSON object a line."""
        text = (self.folder / "demo.log").read_text("utf-8", "replace")
        return [json.loads(x) for x in text.splitlines() if x.startswith("{") and x.endswith("}")]

    def output(self) -> str:
        """The last it printed."""
        return (self.folder / "demo.log").read_text("utf-8", "replace")[-4000:]

    def url(self, page: str) -> str:
        """Address of a page with its join code."""
        return str(self.joined["urls"][page])

    @property
    def arm(self) -> ArmState:
        """What the arm box measures."""
        state: ArmState = _value(self._arm)
        return state

    @property
    def guard(self) -> GuardReport:
        """What guard says."""
        state: GuardReport = _value(self._guard)
        return state

    @property
    def servo(self) -> ServoReport:
        """What servo says."""
        state: ServoReport = _value(self._servo)
        return state

    def pid(self, name: str) -> int:
        """Process number of a process of the table."""
        return int(self.joined["pids"][name])

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a process; return its number."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def speed_m_s(self) -> float:
        """Measured speed of the probe."""
        v = self.arm.base_v_probe_m_s
        return float(sum(x * x for x in v) ** 0.5)

    def in_state(self, *states: State) -> Callable[[], bool]:
        """A check for `wait_for`."""
        return lambda: self.guard.state in states

    def stop(self) -> None:
        """Ctrl-C, and kill it when it does not leave."""
        if hasattr(self, "bedside"):  # else it was not reached
            self.bedside.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


def _connect(path: Path) -> socket.socket | None:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(str(path))
    except OSError:
        link.close()
        return None
    return link


def _value(box: Any) -> Any:
    item = wait_for("a value in the mailbox", box.read, 10)
    return item[1]


def cause_names(mask: int) -> set[str]:
    """Names of the causes in a bit mask."""
    return {c.name for c in Cause if c and mask >> c & 1}
