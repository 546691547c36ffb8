"""The latency bench: one row per kind of case."""

from __future__ import annotations

import msgspec

from bench.kit.model import Case, Measured, Target
from bench.latency.cases import TARGETS
from bench.latency.spec import Spec
from bench.latency.video import ours_native


class LatencyBench:
    """From the picture to the motion and back."""

    name = "latency"
    title = "Latency of the whole path"
    module = "bench.latency.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec = msgspec.json.decode(case.config, type=Spec)
        return ours_native(spec)


BENCH = LatencyBench()
