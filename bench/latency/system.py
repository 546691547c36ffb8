"""The whole loop: the real processes of `teleop demo`, judged by their own recording.

Loop and command age are guard's upper bounds, the figures it acts on; a Chromium console drives
(the nurse is scripted: her tablet is another machine), or the scripted expert over the same WebRTC
path. The limits are those of the policy.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.kit.bench import BenchError
from bench.kit.cpu import ProcessTime, core_percent, read_process
from bench.kit.model import Case, Figure, Measured, Param
from bench.latency import legs
from bench.latency.chromium import launch, need_chromium
from bench.latency.place import Place, place
from bench.latency.spec import WARM_UP_S, Peer
from bench.latency.video import wait, with_network
from bench.pages.demo import Demo, wait_for
from bench.pages.nurse import scripted_nurse
from bench.pages.people import ConsoleSession, Session, join, join_console
from teleop.record.errors import RecordingError
from transport.local.clock import now_ns

if TYPE_CHECKING:
    from playwright.sync_api import Browser

START_S = 30.0
"""Processes, pages, stop test, mark, qualification, approach to the skin."""
START_PATIENCE_S = 60.0
KEYS = ("KeyD", "KeyA")
STROKE_S = 3.0
"""Held key per direction while scanning."""


class SystemSpec(msgspec.Struct, frozen=True, tag="system"):
    """One measurement of the whole loop."""

    peer: Peer
    fps: int = 30
    profile: str = "loopback"
    seconds: float = 20.0
    seed: int = 1
    links: int = 1
    wide: bool = False
    """Limits far from the policy: measures a machine that is too busy for it. No target then."""
    light: bool = False
    """Small pictures and 250 Hz: two pages drawn in software and the robot share few processors."""
    limits: str = ""
    """A table of limits for the configuration; empty: the policy."""


def case_of(spec: SystemSpec) -> Case:
    """The case of a spec."""
    key = f"loop-{spec.peer}@{spec.fps}-{spec.profile}" + f"-{spec.links}links" * (spec.links > 1)
    key += "-wide" if spec.wide else ""
    title = f"whole loop, {spec.peer} console, video@{spec.fps}, {spec.profile}"
    params = (
        Param("seconds", f"{spec.seconds:g}"),
        Param("limits", "wide" if spec.wide else "policy"),
    )
    return Case(key, title, params, msgspec.json.encode(spec), spec.seed, spec.seconds + START_S)


@dataclass(slots=True)
class Meters:
    """CPU of the demo's processes while the expert drives."""

    pids: dict[str, int]
    _from: dict[str, ProcessTime | None] = field(default_factory=dict)
    _start_ns: int = 0

    def start(self) -> None:
        """Begin."""
        self._start_ns = now_ns()
        self._from = {name: read_process(pid) for name, pid in self.pids.items()}

    def figures(self) -> list[Figure]:
        """% of one core for each process."""
        wall_s = (now_ns() - self._start_ns) / 1e9
        return [
            Figure(f"CPU {name}", "% of a core",
                   round(core_percent(pid, self._from[name], wall_s), 1))
            for name, pid in self.pids.items() if self._from.get(name) is not None
        ]  # fmt: skip


def whole_loop(spec: SystemSpec) -> Measured:
    """Run the demo, have it scanned, read its recording."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = Path(name)
        with place(spec.profile, spec.seconds, spec.seed) as where:
            drive = _drive_by_page if spec.peer == "chromium" else _drive_by_script
            cpu = drive(spec, folder, where)
        recordings = sorted((folder / "out").glob("**/*.mcap*"))
        if not recordings:
            raise BenchError("the demo left no recording")
        try:
            found = legs.measured(recordings[-1])
        except RecordingError as error:
            raise BenchError(f"the demo's recording: {error}") from error
        figures = (*found.figures, *cpu)
        return with_network(msgspec.structs.replace(found, figures=figures), where)


def _config(spec: SystemSpec, where: Place) -> str:
    text = f"{spec.limits}[video]\nfps = {spec.fps}\n"
    if spec.light:
        text += "width = 320\nheight = 240\nbitrate_kbps = 2000\n[rates]\ncontrol_hz = 250\n"
    if where.robot[0] != "127.0.0.1":
        text += f'[network]\nbind = "{where.robot[0]}"\ninsecure_lan = true\n'
    if spec.links > 1:
        links = enumerate(where.robot[: spec.links])
        text += "".join(f'[[links]]\nname = "link {i}"\naddress = "{a}"\n' for i, a in links)
    return text


def _drive_by_script(spec: SystemSpec, folder: Path, where: Place) -> list[Figure]:
    """The scripted expert of `teleop demo --auto`; it runs on the robot's side."""
    if where.robot[0] != "127.0.0.1":
        raise BenchError("the scripted expert sits beside the robot: use a Chromium console")
    demo = Demo(
        folder, extra=_config(spec, where), widened=spec.wide, seed=spec.seed, auto_s=spec.seconds
    )
    try:
        demo.start()
        meters = Meters(dict(demo.joined["pids"]))
        figures: list[Figure] = []
        _until_driving(demo, 120.0)
        meters.start()
        until_ns = now_ns() + round((spec.seconds + 60.0) * 1e9)
        while demo.process.poll() is None and now_ns() < until_ns:
            figures = meters.figures()
            wait(0.5)
            if any(line.get("event") in ("result", "stopped") for line in demo.lines()):
                break
        return figures
    finally:
        demo.stop()


def _until_driving(demo: Demo, patience_s: float) -> None:
    until_ns = now_ns() + round(patience_s * 1e9)
    while not demo.guard.deadman and demo.process.poll() is None and now_ns() < until_ns:
        wait(0.1)


@contextlib.contextmanager
def people(spec: SystemSpec, folder: Path, where: Place) -> Iterator[Session]:
    """The demo with both pages in one Chromium on the console's side."""
    with _demo_and_browser(spec, folder, where) as (demo, browser):
        yield join(browser, demo)


@contextlib.contextmanager
def expert(spec: SystemSpec, folder: Path, where: Place) -> Iterator[Session]:
    """The demo with its console in a Chromium on the console's side, and a scripted nurse."""
    with (
        _demo_and_browser(spec, folder, where) as (demo, browser),
        scripted_nurse(demo, where.robot_python),
    ):
        yield ConsoleSession(demo, join_console(browser, demo))


@contextlib.contextmanager
def _demo_and_browser(
    spec: SystemSpec, folder: Path, where: Place
) -> Iterator[tuple[Demo, Browser]]:
    from playwright.sync_api import sync_playwright

    need_chromium()
    demo = Demo(
        folder,
        extra=_config(spec, where),
        widened=spec.wide,
        seed=spec.seed,
        python=where.robot_python,
    )
    origin = f"--unsafely-treat-insecure-origin-as-secure=http://{where.robot[0]}"
    with sync_playwright() as play:
        try:
            demo.start()
            port = demo.url("console").split(":")[2].split("/")[0]
            browser = launch(play, where, (f"{origin}:{port}",))
            yield demo, browser
            browser.close()
        finally:
            demo.stop()


def _drive_by_page(spec: SystemSpec, folder: Path, where: Place) -> list[Figure]:
    """The expert at work in Chromium: join, press, sweep to and fro."""
    from playwright.sync_api import TimeoutError as TooLate

    with expert(spec, folder, where) as session:
        meters = Meters(dict(session.demo.joined["pids"]))
        try:
            session.arm()
            wait_for("the expert drives", session.moves, START_PATIENCE_S)
        except (AssertionError, TooLate) as error:  # what the pages show is the reason
            *before, now = session.story().splitlines()
            said = "\n".join(before)
            text = f"{said}\nthe session did not get to driving: {error}; {now}"
            raise BenchError(text) from error
        where.begin()
        meters.start()
        _sweep(session, spec.seconds + WARM_UP_S)
        figures = meters.figures()
        session.release()
        wait(0.5)
        return figures


def _sweep(session: Session, seconds: float) -> None:
    """Keys to and fro, with the deadman held; after a stop, what the pages ask for."""
    from playwright.sync_api import TimeoutError as TooLate

    turn_ns, key = now_ns(), KEYS[0]
    until_ns = turn_ns + round(seconds * 1e9)
    while now_ns() < until_ns:
        if now_ns() >= turn_ns:
            session.console.keyboard.up(key)
            key = KEYS[1 - KEYS.index(key)]
            session.console.keyboard.down(key)
            turn_ns = now_ns() + round(STROKE_S * 1e9)
        with contextlib.suppress(TooLate):  # a button that has just gone
            session.moves()
        wait(0.1)
    session.console.keyboard.up(key)
