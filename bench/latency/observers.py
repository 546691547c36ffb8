"""Growth: what one more viewer costs the media process on one encode."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec

from bench.kit.model import Case, Figure, Measured, Param, Series
from bench.latency.place import place
from bench.latency.rig import Child, media_in
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


def growth(spec: GrowthSpec) -> Measured:
    """Add viewers step by step; CPU of the media process at each number."""
    picture = Spec(fps=spec.fps, bitrate_kbps=spec.bitrate_kbps, seed=spec.seed)
    cpu: list[float] = []
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name, \
            place("loopback", spec.seconds, spec.seed) as where:  # fmt: skip
        folder = Path(name)
        with media_in(folder, picture, pictures_of(picture, folder), where,
                      video={"duplicates": "off"}) as media:  # fmt: skip
            children: list[Child] = []
            try:
                connected = 0
                for count in spec.counts:
                    while connected < count:
                        size = min(PER_CHILD, count - connected)
                        children.append(Child("viewers", _command(size)))
                        for _ in range(size):
                            offer = str(children[-1].read()["sdp"])
                            children[-1].write(sdp=media.answer(f"viewer/{connected}", offer))
                            connected += 1
                    wait(CONNECT_S + WARM_UP_S, media)
                    media.meter()
                    wait(spec.seconds, media)
                    cpu.append(media.cpu_percent())
                received = [child.ask() for child in children]
            finally:
                for child in children:
                    child.__exit__(None, None, None)
    return figures(spec, cpu, sum(int(one["pictures"]) for one in received))


def _command(count: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "bench.latency.crowd", str(count))


def figures(spec: GrowthSpec, cpu: list[float], pictures: int) -> Measured:
    """CPU by number of viewers, and the slope of the line through it (least squares)."""
    mean_n = sum(spec.counts) / len(spec.counts)
    mean_cpu = sum(cpu) / len(cpu)
    spread = sum((n - mean_n) ** 2 for n in spec.counts)
    products = ((n - mean_n) * (c - mean_cpu) for n, c in zip(spec.counts, cpu, strict=True))
    slope = sum(products) / spread if spread else 0.0
    rows = [Figure(f"CPU media, {n} viewers", "% of a core", c)
            for n, c in zip(spec.counts, cpu, strict=True)]  # fmt: skip
    rows.append(Figure("CPU per extra viewer", "% of a core", round(slope, 2), len(cpu)))
    rows.append(Figure("pictures received by all viewers", "", float(pictures)))
    series = Series("CPU media", "% of a core", tuple(cpu), tuple(map(float, spec.counts)))
    return Measured(tuple(rows), (series,), notes=("the time line's axis counts viewers",))
