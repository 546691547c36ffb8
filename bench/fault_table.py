"""Measures the fault table on the virtual clock: `python -m bench.fault_table [--phases N]`.

The short way to what `teleop bench faults --layer virtual` does with a report: each fault is
injected at several moments of a scan, and the worst one counts. Exit code 1: a row is out of its
limits, or an invariant is broken.
"""

from __future__ import annotations

import argparse
import sys

from bench.faults.judge import problems
from bench.faults.model import Fault, Outcome
from bench.faults.spec import Kind, Spec
from bench.faults.table import BY_NAME
from bench.faults.virtual import singles


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome that took longest to detect, then to stop."""
    return max(outcomes, key=lambda o: (o.detect_ms, o.stop_ms))


def by_fault(outcomes: list[Outcome]) -> list[tuple[Fault, list[Outcome]]]:
    """Outcomes of each fault, in the order of the table."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.fault, []).append(outcome)
    return [(BY_NAME[name], found[name]) for name in BY_NAME if name in found]


def table(rows: list[tuple[Fault, list[Outcome]]], cycle_ms: float) -> tuple[str, int]:
    """The text of the table and how many rows are out of their limits."""
    head = f"{'fault':48} {'state':10} {'first-out cause':22} {'detect':>8} {'rest':>8} "
    lines = [head + f"{'path mm':>8} {'peak N':>7}  worst of {len(rows[0][1])}"]
    bad = 0
    for fault, outcomes in rows:
        wrong = [words for o in outcomes for words in problems(o, fault, cycle_ms)]
        bad += bool(wrong)
        o = worst(outcomes)
        lines.append(
            f"{o.fault:48} {o.state:10} {o.cause:22} {o.detect_ms:8.1f} {o.stop_ms:8.1f} "
            f"{o.stop_distance_mm:8.3f} {o.peak_force_n:7.2f}  {'; '.join(sorted(set(wrong)))}"
        )
    return "\n".join(lines) + "\n", bad


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m bench.fault_table", description=__doc__)
    parser.add_argument("--phases", type=int, default=5, help="moments of injection per fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control-hz", type=int, default=500)
    parser.add_argument("--only", action="append", default=[], help="part of a fault's name")
    given = parser.parse_args()
    spec = Spec(Kind.SINGLE, count=given.phases, seed=given.seed, control_hz=given.control_hz,
                words=tuple(given.only))  # fmt: skip
    text, bad = table(by_fault(singles(spec)), 1000.0 / given.control_hz)
    sys.stdout.write(text)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
