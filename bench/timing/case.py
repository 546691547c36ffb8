"""One run of the real processes: lateness of arm, servo and guard from their own histograms."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.kit.bench import BenchError
from bench.kit.cpu import read_process
from bench.latency.chromium import need_chromium
from bench.pages.browser import launch, open_page
from bench.pages.demo import Demo, wait_for
from safety.states import State
from teleop import channels
from transport.local.clock import now_ns, sleep_until
from transport.local.lateness import between, unpacked
from transport.local.mailbox import Mailbox
from transport.local.timing import LoopTiming

LOOPS = ("arm", "servo", "guard")
START_S = 30.0
"""Processes, pairing, qualification, approach to the skin."""
PATIENCE_S = 35.0
"""Without motion by then (a busy machine at normal priority) the loops are measured as they are."""
SETTLE_S = 2.0
"""Left out after motion began: caches and the encoder settle."""

_CONFIG = """
[rates]
control_hz = {control_hz}
real_time = {real_time}
[video]
fps = {fps}
"""


class Spec(msgspec.Struct, frozen=True):
    """Parameters of one case."""

    real_time: bool = True
    """Ask for SCHED_FIFO and locked memory."""
    control_hz: int = 500
    chromium: bool = False
    """A Chromium shows the picture, too, beside the scripted expert."""
    fps: int = 30
    seconds: float = 60.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class LoopSpan:
    """One loop over the measured span."""

    counts: list[int]
    """Lateness histogram of the span."""
    max_us: float
    """Since the start of the process: the span's own where it is the largest bin's."""
    busy_p99_us: float
    overruns: int
    collections: int
    fifo: bool
    locked: bool
    cpu_percent: float
    """User and system time of the process, % of one core."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out."""

    loops: dict[str, LoopSpan]
    cpu_percent: dict[str, float]
    """Of the other processes."""
    seconds: float
    states: tuple[str, ...]
    """Guard's state at the beginning and at the end."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at_ns: int
    timing: dict[str, LoopTiming]
    cpu_s: dict[str, float]


def measure(spec: Spec) -> Outcome:
    """Start the demo, let the scripted expert scan, read the histograms twice."""
    with tempfile.TemporaryDirectory(prefix="teleop-timing-") as folder:
        demo = Demo(
            Path(folder),
            extra=_CONFIG.format(
                control_hz=spec.control_hz, real_time=str(spec.real_time).lower(), fps=spec.fps
            ),
            seed=spec.seed,
            auto_s=spec.seconds + 20.0,
        )
        try:
            demo.start()
            with _viewer(demo) if spec.chromium else contextlib.nullcontext():
                return _watch(demo, spec)
        except AssertionError as error:
            raise BenchError(str(error)) from error
        finally:
            demo.stop()


@contextlib.contextmanager
def _viewer(demo: Demo) -> Iterator[None]:
    """A Chromium that shows the picture while the scripted expert drives."""
    need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        open_page(browser, demo.url("observer"), 1000, 700)
        yield
        browser.close()


def _watch(demo: Demo, spec: Spec) -> Outcome:
    moving = demo.in_state(State.ACTIVE, State.DEGRADED)
    with contextlib.suppress(AssertionError):  # the figures name guard's state at both ends
        wait_for("the arm moves", moving, PATIENCE_S)
    sleep_until(now_ns() + round(SETTLE_S * 1e9))
    boxes = {name: channels.box(demo.run_dir, channels.TIMING[name]) for name in LOOPS}
    before, first = _read(demo, boxes), demo.guard.state.name
    sleep_until(now_ns() + round(spec.seconds * 1e9))
    after, last = _read(demo, boxes), demo.guard.state.name
    seconds = (after.at_ns - before.at_ns) / 1e9
    loops = {name: _span(name, before, after, seconds) for name in LOOPS}
    names = [name for name in before.cpu_s if name not in LOOPS]
    cpu = {n: 100.0 * (after.cpu_s[n] - before.cpu_s[n]) / seconds for n in names}
    return Outcome(loops, cpu, seconds, (first, last))


def _read(demo: Demo, boxes: dict[str, Mailbox[LoopTiming]]) -> _Reading:
    timing = {}
    for name, box in boxes.items():
        timing[name] = wait_for(f"{name} tells its timing", box.read, 5.0)[1]
    pids = {name: demo.pid(name) for name in demo.joined["pids"]}
    found = {name: read_process(pid) for name, pid in pids.items()}
    cpu_s = {name: time.used_s for name, time in found.items() if time is not None}
    return _Reading(now_ns(), timing, cpu_s)


def _span(name: str, before: _Reading, after: _Reading, seconds: float) -> LoopSpan:
    a, b = before.timing[name], after.timing[name]
    if b.cycles <= a.cycles:
        raise BenchError(f"{name} was restarted or stands still")
    return LoopSpan(
        counts=between(unpacked(b.late_counts), unpacked(a.late_counts)),
        max_us=b.late_max_us,
        busy_p99_us=b.busy_p99_us,
        overruns=b.overruns - a.overruns,
        collections=b.collections,
        fifo=b.fifo,
        locked=b.locked,
        cpu_percent=100.0 * (after.cpu_s[name] - before.cpu_s[name]) / seconds,
    )
