"""The watchdog bench."""

from __future__ import annotations

import msgspec

from bench.kit.bench import SkipCase
from bench.kit.model import Case, Measured, Target
from bench.links.profiles import ProfileError
from bench.watchdog.case import Spec, measure
from bench.watchdog.figures import measured
from bench.watchdog.plan import TARGETS


class WatchdogBench:
    """Time per state, stops and late commands on every emulated network."""

    name = "watchdog"
    title = "Watchdog on emulated networks (virtual clock)"
    module = "bench.watchdog.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        try:
            return measured(measure(msgspec.json.decode(case.config, type=Spec)))
        except ProfileError as error:
            raise SkipCase(str(error)) from error


BENCH = WatchdogBench()
