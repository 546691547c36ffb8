"""Growth: what one more viewer costs the media process on one encode."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from bench.kit.model import Case, Figure, Measured, Param, Series
from bench.latency.place import place
from bench.latency.rig import Child, Media, media_in
from bench.latency.spec import WARM_UP_S, Spec
from bench.latency.video import CONNECT_S, pictures_of, wait

COUNTS = (1, 2, 4, 8)
PER_CHILD = 4
"""Viewers in one process; they throw packets away undecoded, so that the sender has the machine."""


class GrowthSpec(msgspec.Struct, frozen=True, tag="growth"):
    """One measurement over growing numbers of viewers."""

    fps: int = 30
    bitrate_kbps: int = 4000
    counts: tuple[int, ...] = COUNTS
    seconds: float = 8.0
    """For each number of viewers."""
    seed: int = 1


def case_of(spec: GrowthSpec) -> Case:
    """The case of a spec."""
    key = f"observers-640x480@{spec.fps}-{spec.bitrate_kbps}kbps"
    title = f"1 to {max(spec.counts)} viewers on one encode @{spec.fps}, {spec.bitrate_kbps} kb/s"
    params = (Param("counts", " ".join(map(str, spec.counts))),
              Param("seconds", f"{spec.seconds:g}"))  # fmt: skip
    expected_s = len(spec.counts) * (spec.seconds + CONNECT_S + WARM_UP_S) + 8.0
    return Case(key, title, params, msgspec.json.encode(spec), spec.seed, expected_s)


class Step(msgspec.Struct, frozen=True):
    """The media process with one number of viewers."""

    viewers: int
    cpu_percent: float
    fps: float
    kbps: float


class Crowd:
    """Viewers of one media process, in processes of PER_CHILD each."""

    def __init__(self, media: Media, stack: contextlib.ExitStack) -> None:
        self._media, self._stack = media, stack
        self._children: list[Child] = []
        self._connected = 0

    def grow_to(self, count: int) -> None:
        """Connect more."""
        while self._connected < count:
            size = min(PER_CHILD, count - self._connected)
            command = (sys.executable, "-m", "bench.latency.crowd", str(size))
            child = self._stack.enter_context(Child("viewers", command))
            self._children.append(child)
            for _ in range(size):
                offer = str(child.read()["sdp"])
                child.write(sdp=self._media.answer(f"viewer/{self._connected}", offer))
                self._connected += 1

    def received(self) -> int:
        """End them; pictures that all of them received together."""
        return sum(int(child.ask()["pictures"]) for child in self._children)


def growth(spec: GrowthSpec) -> Measured:
    """Add viewers step by step; CPU of the media process at each number."""
    picture = Spec(fps=spec.fps, bitrate_kbps=spec.bitrate_kbps, seed=spec.seed)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="teleop-bench-")))
        where = stack.enter_context(place("loopback", spec.seconds, spec.seed))
        pictures = pictures_of(picture, folder)
        # The same load for every number of viewers: no duplicates, no steps down in quality.
        video = {"duplicates": "off", "ladder": False}
        media = stack.enter_context(media_in(folder, picture, pictures, where, video=video))
        crowd = Crowd(media, stack)
        steps = []
        for count in spec.counts:
            crowd.grow_to(count)
            wait(CONNECT_S + WARM_UP_S, media)
            steps.append(_step(media, count, spec.seconds))
        return figures(steps, crowd.received())


def _step(media: Media, viewers: int, seconds: float) -> Step:
    media.drain()
    before = len(media.stamps)
    media.meter()
    wait(seconds, media)
    cpu, status = media.cpu_percent(), media.status()
    fps = round((len(media.stamps) - before) / seconds, 2)
    return Step(viewers, cpu, fps, 0.0 if status is None else round(status.bitrate_kbps, 1))


def figures(steps: Sequence[Step], pictures: int) -> Measured:
    """CPU by number of viewers, and the slope of the line through it (least squares)."""
    counts, cpu = [s.viewers for s in steps], [s.cpu_percent for s in steps]
    mean_n, mean_cpu = fmean(counts), fmean(cpu)
    spread = sum((n - mean_n) ** 2 for n in counts)
    slope = sum((n - mean_n) * (c - mean_cpu) for n, c in zip(counts, cpu, strict=True)) / spread
    rows = [Figure(f"CPU media, {s.viewers} viewers", "% of a core", s.cpu_percent) for s in steps]
    rows += [Figure(f"pictures per second, {s.viewers} viewers", "1/s", s.fps) for s in steps]
    rows += [Figure(f"bitrate, {s.viewers} viewers", "kb/s", s.kbps) for s in steps]
    rows.append(Figure("CPU per extra viewer", "% of a core", round(slope, 2), len(steps)))
    rows.append(Figure("pictures received by all viewers", "", float(pictures)))
    series = Series("CPU media", "% of a core", tuple(cpu), tuple(map(float, counts)))
    return Measured(tuple(rows), (series,), notes=("the time line's axis counts viewers",))
