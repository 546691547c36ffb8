"""The real demo in a real terminal (pty): the key, a crash, Ctrl-C, a killed supervisor."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from safety.messages import GuardReport
from safety.states import Cause, State
from teleop import channels
from teleop.record.lanes import LANES
from teleop.record.reader import open_recording
from teleop.record.replay import replay
from transport.local.clock import now_ns

pytestmark = pytest.mark.process
START_S = 120.0
"""Seven processes import and compile on a machine that others use as well."""


def until(what: str, check: Callable[[], Any], limit_s: float = 120.0) -> Any:
    end = now_ns() + round(limit_s * 1e9)
    while not (value := check()):
        assert now_ns() < end, f"not in time: {what}"
        threading.Event().wait(0.02)
    return value


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not alive(pid)


def alive(pid: int) -> bool:
    """Running (a zombie is not)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rsplit(") ", 1)[1][0] != "Z"


class Terminal:
    """`teleop demo --json` as the foreground job of its own terminal."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.log = folder / "demo.log"
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            arguments = ["demo", "--json", "--port", "0", "--out", str(self.out)]
            os.execv(sys.executable, [sys.executable, "-m", "teleop.cli", *arguments])
        self.before = termios.tcgetattr(self.terminal)
        self.joined = until("joined", lambda: self.event("joined"), START_S)
        self.run_dir = Path(self.joined["run_dir"])
        self.guard = channels.box(self.run_dir, channels.GUARD_REPORT)
        self.exit_code: int | None = None

    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(x) for x in lines if x.startswith("{") and x.endswith("}")]

    def event(self, name: str) -> dict[str, Any] | None:
        assert self.running(), self.log.read_text()
        return next((e for e in self.events() if e["event"] == name), None)

    def running(self) -> bool:
        done, status = os.waitpid(self.pid, os.WNOHANG)
        if done:
            self.exit_code = os.waitstatus_to_exitcode(status)
        return not done

    def pids(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.run_dir / "pids.json").read_text())
        return found

    def report(self) -> GuardReport:
        item = self.guard.read()
        assert item is not None
        report: GuardReport = item[1]
        return report

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    for pid in (terminal.pid, *terminal.joined["pids"].values()):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    os.close(terminal.terminal)


def check_recording(folder: Path) -> None:
    """Complete, nothing dropped, every decision identical in replay."""
    (file,) = folder.glob("*.mcap")
    assert not list(folder.glob("*.part"))
    recording = open_recording(file)
    reports = replay(recording, LANES)
    assert recording.complete
    for name, report in reports.items():
        assert report.different == 0, (name, report.differences[:1])
        assert report.identical > 100, name
        assert not [s for s in report.spans if "missing" in s.reason], name


def test_key_crash_and_ctrl_c(demo: Terminal) -> None:
    def stop_tested() -> bool:
        demo.type(b"s")
        return demo.report().stop_tested

    until("the key can be read", lambda: demo.report().bedside_input)
    until("the stop test", stop_tested)
    media = demo.pids()["media"]
    os.kill(media, signal.SIGKILL)
    until("media again", lambda: demo.pids().get("media") not in (None, media))
    ended = demo.event("ended")
    assert ended is not None
    assert (ended["name"], ended["how"]) == ("media", "SIGKILL")
    pids = demo.pids()
    demo.type(b"\x03")
    until("the end", lambda: not demo.running(), 30)
    assert demo.exit_code == 0, demo.log.read_text()
    stopped = next(e for e in demo.events() if e["event"] == "stopped")
    assert stopped["rest"], "the arm was at rest before its processes left"
    assert stopped["whole_s"] < 2.0
    assert not [name for name, pid in pids.items() if alive(pid)]
    assert not demo.run_dir.exists()
    assert termios.tcgetattr(demo.terminal) == demo.before, "the terminal is as it was"
    check_recording(demo.out)


def test_a_killed_guard_means_a_latched_stop_and_a_killed_supervisor_no_orphan(
    demo: Terminal,
) -> None:
    until("the arm has power", lambda: demo.report().powered)
    before = demo.report().incarnation
    os.kill(demo.pids()["guard"], signal.SIGKILL)
    until("guard again", lambda: demo.report().incarnation != before)
    report = demo.report()
    assert (report.state, report.first_out) == (State.SAFE_STOP, Cause.GUARD_RESTARTED)
    pids = demo.pids()
    os.kill(demo.pid, signal.SIGKILL)
    os.waitpid(demo.pid, 0)
    for name, pid in pids.items():
        until(f"{name} leaves", gone(pid), 30)
    check_recording(demo.out)
    assert demo.run_dir.exists(), "nobody was left to remove it"
    from teleop.supervisor.rundir import remove_stale

    assert demo.run_dir in remove_stale(demo.run_dir.parent)
