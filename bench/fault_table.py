"""Measures the fault table on the virtual clock: `python -m bench.fault_table [--out FILE]`.

Each fault is injected at several phases of a scan (the worst phase counts); the raw outcomes go to
the file, the table to the terminal. Exit code 1: a row is out of its limits.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from bench.branch import branch
from bench.faults import TABLE, Fault, Outcome, problems, run_fault
from bench.world import World, WorldOptions
from safety.limits import Limits
from teleop.scripted.persons import Phase

PHASE_STEP_S = 0.0137
"""Between injections: no multiple of a frame, a slot or a heartbeat."""


def scanning_world(
    seed: int = 1, control_hz: int = 500, settle_s: float = 3.0, limits: Limits | None = None
) -> World:
    """A world whose expert has been scanning for `settle_s`."""
    world = World(WorldOptions(seed=seed, control_hz=control_hz, limits=limits or Limits()))
    world.run_until(lambda: world.page.expert.phase == Phase.SCAN, 60.0)
    world.run_for(settle_s)
    return world


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome that took longest to detect, then to stop."""
    return max(outcomes, key=lambda o: (o.detect_ms, o.stop_ms))


def measure(phases: int, seed: int, control_hz: int) -> list[tuple[Fault, list[Outcome]]]:
    """All faults, each at `phases` moments."""
    world = scanning_world(seed, control_hz)
    found: dict[str, list[Outcome]] = {fault.name: [] for fault in TABLE}
    for _ in range(phases):
        for fault in TABLE:

            def ending(copy: World, fault: Fault = fault) -> Outcome:
                return run_fault(copy, fault)

            found[fault.name].append(branch(world, ending))
        world.run_for(PHASE_STEP_S)
    world.close()
    return [(fault, found[fault.name]) for fault in TABLE]


def table(rows: list[tuple[Fault, list[Outcome]]], cycle_ms: float) -> tuple[str, int]:
    """The text of the table and how many rows are out of their limits."""
    head = f"{'fault':28} {'state':10} {'first-out cause':22} {'detect':>8} {'rest':>8} "
    lines = [head + f"{'path mm':>8} {'peak N':>7}  worst of {len(rows[0][1])}"]
    bad = 0
    for fault, outcomes in rows:
        wrong = [words for o in outcomes for words in problems(o, fault, cycle_ms)]
        bad += bool(wrong)
        o = worst(outcomes)
        lines.append(
            f"{o.fault:28} {o.state:10} {o.cause:22} {o.detect_ms:8.1f} {o.stop_ms:8.1f} "
            f"{o.stop_distance_mm:8.3f} {o.peak_force_n:7.2f}  {'; '.join(sorted(set(wrong)))}"
        )
    return "\n".join(lines) + "\n", bad


def main() -> int:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(prog="python -m bench.fault_table", description=__doc__)
    parser.add_argument("--phases", type=int, default=5, help="moments of injection per fault")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control-hz", type=int, default=500)
    parser.add_argument("--out", type=Path, help="raw outcomes (JSON)")
    arguments = parser.parse_args()
    rows = measure(arguments.phases, arguments.seed, arguments.control_hz)
    if arguments.out is not None:
        raw = [asdict(outcome) for _, outcomes in rows for outcome in outcomes]
        arguments.out.write_text(json.dumps(raw, indent=1), "utf-8")
    text, bad = table(rows, 1000.0 / arguments.control_hz)
    sys.stdout.write(text)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
