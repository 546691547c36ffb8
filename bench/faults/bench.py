"""The fault bench for the runner of the kit."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.faults import braked, figures, gate, outages, stops, virtual
from bench.faults.real.case import measure as measure_real
from bench.faults.real.spec import RealSpec
from bench.faults.spec import Kind, Spec
from bench.faults.targets import TARGETS
from bench.kit.model import Case, Measured, Target


def _singles(spec: Spec) -> Measured:
    outcomes = virtual.singles(spec)
    return figures.of_singles(outcomes, virtual.chosen(spec), 1000.0 / spec.control_hz)


def _pairs(spec: Spec) -> Measured:
    return figures.of_pairs(virtual.pairs(spec), 1000.0 / spec.control_hz)


RUN: dict[Kind, Callable[[Spec], Measured]] = {
    Kind.SINGLE: _singles,
    Kind.PAIR: _pairs,
    Kind.SOAK: _pairs,
    Kind.STOP: stops.presses,
    Kind.RETURN: stops.returns,
    Kind.ATTACK: gate.measure,
    Kind.BRAKED: braked.measure,
    Kind.OUTAGES: outages.measure,
}


class FaultBench:
    """What every fault leads to, and how soon."""

    name = "faults"
    title = "Faults and attacks"
    module = "bench.faults.bench"
    targets: tuple[Target, ...] = TARGETS

    def run(self, case: Case) -> Measured:
        """Measure one case."""
        spec = msgspec.json.decode(case.config, type=Spec | RealSpec)
        return measure_real(spec) if isinstance(spec, RealSpec) else RUN[spec.kind](spec)


BENCH = FaultBench()
