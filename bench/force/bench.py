"""The force bench for the runner of the kit."""

from __future__ import annotations

import msgspec

from bench.force.cases import TARGETS
from bench.force.realtime import real_time
from bench.force.scenarios import RUN as ALONE
from bench.force.spec import Kind, Spec
from bench.force.system import link_lost_in_system
from bench.kit.model import Case, Measured, Target

RUN = {**ALONE, Kind.SYSTEM_LOST: link_lost_in_system, Kind.REAL_TIME: real_time}


class ForceBench:
    """How well contact is made and kept."""

    name = "force"
    title = "Contact force control"
    module = "bench.force.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec = msgspec.json.decode(case.config, type=Spec)
        return RUN[spec.kind](spec)


BENCH = ForceBench()
