"""A bench without hardware, and made-up results, for tests of the kit."""

from __future__ import annotations

import os
import sys

from bench.kit.bench import SkipCase
from bench.kit.model import (
    Case,
    CaseResult,
    Figure,
    Group,
    Machine,
    Measured,
    Run,
    Series,
    Target,
)
from bench.kit.scorecard import judge
from bench.kit.stats import summary

MACHINE = Machine("a CPU", 2, 8.0, "Linux", "3.11", (), "abc", False)
TARGETS = (
    Target(Group.PERFORMANCE, "quick enough", "good", "delay p99", "<=", 50.0, "ms"),
    Target(Group.SAFETY, "never late", "missing", "delay max", "<=", 50.0, "ms"),
    Target(Group.EFFECT, "not there", "good", "no such figure", ">=", 1.0, ""),
    Target(Group.EFFECT, "not run", "no such case", "delay p50", "<=", 1.0, "ms"),
)


def series(values: tuple[float, ...], missing: int = 0) -> Series:
    at_s = tuple(0.01 * i for i in range(len(values)))
    return Series("delay", "ms", values, at_s, missing, 50.0, headline=True)


def result(key: str, values: tuple[float, ...], missing: int = 0) -> CaseResult:
    one = series(values, missing)
    return CaseResult(Case(key, f"case {key}"), Measured(summary(one), (one,)))


def run_of(*results: CaseResult, bench: str = "sample", quick: bool = False) -> Run:
    return Run(bench, "A sample", "2026-01-31T120000Z", MACHINE, (), quick, 1.0, 0.1, results,
               judge(TARGETS, results))  # fmt: skip


class SampleBench:
    name = "sample"
    title = "A sample"
    module = "bench_kit_samples"
    targets = TARGETS

    def run(self, case: Case) -> Measured:
        if case.key == "breaks":
            raise ValueError("the case is broken")
        if case.key == "lacks":
            raise SkipCase("no such device")
        if case.key == "dies":
            sys.stderr.write("last words\n")
            sys.stderr.flush()
            os._exit(7)
        one = series((1.0, 2.0, float(case.seed)))
        return Measured((*summary(one), Figure("pid", "", float(os.getpid()))), (one,))


BENCH = SampleBench()
