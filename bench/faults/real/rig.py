"""A running demo whose arm scans, ready to be broken."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.real.sampler import Sampler
from bench.kit.bench import SkipCase
from bench.latency.place import Place, place
from bench.latency.system import SystemSpec, people
from bench.pages.demo import Demo, wait_for
from bench.pages.people import Session
from safety.states import ContactState, State
from transport.local import clock

ENGAGED = (State.ACTIVE, State.DEGRADED)
SCAN_S = 120.0
"""The scripted people work for so long; a fault comes long before."""
PATIENCE_S = 75.0
MOVES_M_S = 0.005
PROFILE = "wired"


@dataclass
class Rig:
    """Processes, how they are watched, and what was started to disturb them."""

    demo: Demo
    folder: Path
    sampler: Sampler
    where: Place = field(default_factory=Place)
    session: Session | None = None
    helpers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    """Processes under SIGSTOP."""

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process of the table."""
        pid = self.demo.signal(name, number)
        if number is signal.SIGSTOP:
            self.stopped.append(pid)

    def stall(self, name: str, seconds: float) -> None:
        """Stop a process for a moment."""
        self.send(name, signal.SIGSTOP)
        clock.sleep_until(clock.now_ns() + round(seconds * 1e9))
        self.go_on()

    def go_on(self) -> None:
        """Let stopped processes run again."""
        for pid in self.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    def start(self, code: str, *arguments: str) -> None:
        """Run a piece of Python beside the processes."""
        command = [sys.executable, "-c", code, *arguments]
        self.helpers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))

    def end_helpers(self) -> None:
        """End what `start` began."""
        for helper in self.helpers:
            helper.kill()
            helper.wait()
        self.helpers.clear()

    def scans(self) -> bool:
        """The arm is in contact and follows the hand."""
        if self.demo.process.poll() is not None:
            raise SkipCase(f"the demo ended: {self.demo.output()[-300:]}")
        moving = self.demo.speed_m_s() > MOVES_M_S
        return (
            self.demo.guard.state in ENGAGED
            and self.demo.servo.contact == ContactState.PRESS
            and moving
        )


@contextlib.contextmanager
def scripted(folder: Path, seed: int) -> Iterator[Rig]:
    """Scripted people over the real connections, without pages."""
    demo = Demo(folder, widened=False, seed=seed, auto_s=SCAN_S)
    rig: Rig | None = None
    try:
        demo.start()
        rig = Rig(demo, folder, Sampler(demo.run_dir))
        _wait(rig)
        yield rig
    finally:
        _leave(rig, demo)


@contextlib.contextmanager
def by_pages(folder: Path, seed: int) -> Iterator[Rig]:
    """Both pages in a Chromium behind an emulated network; the expert's hand rests in contact."""
    spec = SystemSpec("chromium", profile=PROFILE, seconds=SCAN_S, seed=seed)
    with place(PROFILE, SCAN_S, seed) as where, people(spec, folder, where) as session:
        rig = Rig(session.demo, folder, Sampler(session.demo.run_dir), where, session)
        _scan(rig, session)
        try:
            yield rig
        finally:
            rig.go_on()
            rig.end_helpers()


def _scan(rig: Rig, session: Session) -> None:
    """Both people do what leads to motion."""
    try:
        session.arm()
        session.to_contact()
    except AssertionError as error:
        raise SkipCase(f"this machine did not let the arm move: {error}") from error
    session.console.keyboard.down("KeyD")
    _wait(rig)


def _wait(rig: Rig) -> None:
    try:
        wait_for("the arm scans", rig.scans, PATIENCE_S)
    except AssertionError as error:
        state = rig.demo.guard
        raise SkipCase(
            f"this machine did not let the arm move: {state.state.name}, "
            f"first out {state.first_out.name}, age {state.age_ms:.0f} ms"
        ) from error


def _leave(rig: Rig | None, demo: Demo) -> None:
    if rig is not None:
        rig.go_on()
        rig.end_helpers()
    demo.stop()
