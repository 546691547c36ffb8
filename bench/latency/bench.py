"""The latency bench: one row per kind of case."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.kit.model import Case, Measured, Target
from bench.latency.baselines import bare_udp, stock
from bench.latency.cases import TARGETS
from bench.latency.commands import CommandSpec, one_way
from bench.latency.observers import GrowthSpec, growth
from bench.latency.spec import Path, Spec
from bench.latency.system import SystemSpec, whole_loop
from bench.latency.video import ours_chromium, ours_native

VIDEO: dict[tuple[Path, str], Callable[[Spec], Measured]] = {
    (Path.OURS, "native"): ours_native,
    (Path.OURS, "chromium"): ours_chromium,
    (Path.STOCK_H264, "native"): stock,
    (Path.STOCK_VP8, "native"): stock,
    (Path.UDP, "native"): bare_udp,
}
"""What carries the pictures, who looks."""
AnySpec = Spec | CommandSpec | SystemSpec | GrowthSpec


class LatencyBench:
    """From the picture to the motion and back."""

    name = "latency"
    title = "Latency of the whole path"
    module = "bench.latency.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec: AnySpec = msgspec.json.decode(case.config, type=AnySpec)
        if isinstance(spec, CommandSpec):
            return one_way(spec)
        if isinstance(spec, SystemSpec):
            return whole_loop(spec)
        if isinstance(spec, GrowthSpec):
            return growth(spec)
        return VIDEO[spec.path, spec.peer](spec)


BENCH = LatencyBench()
