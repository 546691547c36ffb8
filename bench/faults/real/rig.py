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

from bench.faults.real.leftover import sweep
from bench.faults.real.sampler import Sampler
from bench.kit.bench import BenchError, SkipCase
from bench.latency.place import Place, place
from bench.latency.system import SystemSpec, people
from bench.links.emulator import EmulatorError
from bench.pages.demo import Demo, cause_names, wait_for
from bench.pages.people import Session
from safety.states import ContactState, State
from transport.local import clock

ENGAGED = (State.ACTIVE, State.DEGRADED)
SCAN_S = 120.0
"""The scripted people work for so long; a fault comes long before."""
PATIENCE_S = {False: 75.0, True: 120.0}
"""Until the arm scans: scripted people, or both pages."""
MOVES_M_S = 0.005
PROFILE = "wired"
KEYS = ("KeyD", "KeyA")
STROKE_NS = 3_000_000_000
"""Held key per direction."""


class NotMadeError(BenchError):
    """A fault could not be done, or not be watched to its end; the message says why."""


def page_errors() -> tuple[type[Exception], ...]:
    """What Playwright raises; nothing where it is not installed."""
    try:
        from playwright.sync_api import Error
    except ImportError:
        return ()
    return (Error,)


@contextlib.contextmanager
def reasons() -> Iterator[None]:
    """What keeps processes, network, pages or people from their work becomes a `NotMadeError`."""
    errors: tuple[type[Exception], ...] = (AssertionError, BenchError, EmulatorError, OSError)
    try:
        yield
    except (SkipCase, NotMadeError):
        raise
    except (*errors, *page_errors()) as error:
        words = str(error).splitlines()[:1] or [""]
        raise NotMadeError(f"{type(error).__name__}: {words[0]}") from error


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
    left_behind: int = 0
    """Processes that had to be ended after the demo."""

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process of the table."""
        pid = self.demo.signal(name, number)
        if number is signal.SIGSTOP:
            self.stopped.append(pid)

    def stall(self, name: str, seconds: float) -> None:
        """Stop a process for a moment."""
        self.send(name, signal.SIGSTOP)
        self.sampler.run_for(seconds)
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

    def story(self) -> str:
        """Where the system stands, for whoever asks why nothing moves."""
        g = self.demo.guard
        live = ", ".join(sorted(cause_names(g.live_causes))) or "none"
        return (
            f"{g.state.name}, step {g.step.name}, first out {g.first_out.name}, live {live}, "
            f"age {g.age_ms:.0f} ms, loop {g.loop_ms:.0f} ms, image {g.image_ms:.0f} ms, "
            f"{self.demo.servo.contact.name}, {1e3 * self.demo.speed_m_s():.1f} mm/s"
        )

    def leave(self) -> None:
        """Undo what was done to the machine; the demo ends afterwards."""
        self.go_on()
        self.end_helpers()

    def let_helpers(self, run: bool) -> None:
        """Stop what `start` began, or let it go on."""
        for helper in self.helpers:
            helper.send_signal(signal.SIGCONT if run else signal.SIGSTOP)

    def end_helpers(self) -> None:
        """End what `start` began."""
        for helper in self.helpers:
            helper.kill()
            helper.wait()
        self.helpers.clear()

    def scans(self) -> bool:
        """The arm is in contact and follows the hand."""
        if self.demo.process.poll() is not None:
            raise NotMadeError(f"the demo ended: {self.demo.output()[-300:]}")
        if self.session is not None and not drives(self.session):
            return False
        moving = self.demo.speed_m_s() > MOVES_M_S
        return (
            self.demo.guard.state in ENGAGED
            and self.demo.servo.contact == ContactState.PRESS
            and moving
        )


def drives(session: Session) -> bool:
    """Both people do what the pages ask for, and the expert's hand goes to and fro."""
    try:
        if not session.moves():
            return False
    except page_errors():  # a button was not offered in time: the next look sees why
        return False
    if session.demo.servo.contact != ContactState.PRESS:
        return True
    key = KEYS[clock.now_ns() // STROKE_NS % 2]
    session.console.keyboard.up(KEYS[1 - KEYS.index(key)])
    session.console.keyboard.down(key)
    return True


@contextlib.contextmanager
def scripted(folder: Path, seed: int, limits: str) -> Iterator[Rig]:
    """Scripted people over the real connections, without pages."""
    demo = Demo(folder, extra=limits, widened=False, seed=seed, auto_s=SCAN_S)
    rig: Rig | None = None
    try:
        demo.start()
        rig = Rig(demo, folder, Sampler(demo.run_dir))
        wait_until_it_scans(rig)
        yield rig
    finally:
        if rig is not None:
            rig.leave()
        demo.stop()
        if rig is not None:
            rig.left_behind = sweep(demo.run_dir)


@contextlib.contextmanager
def by_pages(folder: Path, seed: int, limits: str) -> Iterator[Rig]:
    """Both pages in a Chromium behind an emulated network; the expert's hand rests in contact."""
    spec = SystemSpec("chromium", profile=PROFILE, seconds=SCAN_S, seed=seed, light=True,
                      limits=limits)  # fmt: skip
    rig: Rig | None = None
    try:
        with place(PROFILE, SCAN_S, seed) as where, people(spec, folder, where) as session:
            rig = Rig(session.demo, folder, Sampler(session.demo.run_dir), where, session)
            try:
                _begin(session)
                wait_until_it_scans(rig)
                yield rig
            finally:
                rig.leave()
    finally:
        if rig is not None:
            rig.left_behind = sweep(rig.demo.run_dir)


def _begin(session: Session) -> None:
    """What comes once in a session; the steps after it are done as the pages name them."""
    session.demo.bedside.send(b"s")
    wait_for("stop tested", lambda: session.demo.guard.stop_tested)
    session.bedside.locator("#declare-probe").click()


def wait_until_it_scans(rig: Rig) -> None:
    """Wait for motion in contact; with pages the people do what these ask for."""
    try:
        wait_for("the arm scans", rig.scans, PATIENCE_S[rig.session is not None])
    except AssertionError as error:
        raise NotMadeError(f"this machine did not let the arm move: {rig.story()}") from error
