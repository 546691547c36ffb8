"""What one step of arm box, servo and guard costs while scanning (`python -m bench.loop_cost`).

The real cores run in a virtual world in one process; each step's duration is taken with the real
clock. The processes add their shells (mailboxes, logs), so this is a lower bound of their load.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.world import World, WorldOptions
from teleop.scripted.persons import Phase
from transport.local.clock import now_ns

STEPS = ("arm", "servo", "guard")


def percentile(values: list[float], percent: float) -> float:
    """Value below which `percent` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100.0))]


def _timed(run: Callable[[int, int], None], costs_us: list[float]) -> Callable[[int, int], None]:
    def timed(at_ns: int, lateness_ns: int) -> None:
        start_ns = now_ns()
        run(at_ns, lateness_ns)
        costs_us.append((now_ns() - start_ns) / 1e3)

    return timed


def measure(seconds: float, control_hz: int, seed: int = 1) -> dict[str, Any]:
    """Scan for `seconds` of virtual time and return the figures and all raw step costs (us)."""
    world = World(WorldOptions(seed=seed, control_hz=control_hz))
    world.run_until(lambda: world.page.expert.phase == Phase.SCAN, 60.0)
    raw: dict[str, list[float]] = {name: [] for name in STEPS}
    for name in STEPS:
        task = getattr(world, f"{name}_task")
        task.run = _timed(task.run, raw[name])
    start_ns = now_ns()
    world.run_for(seconds)
    wall_s = (now_ns() - start_ns) / 1e9
    world.close()
    figures = {
        name: {f"p{p}_us": round(percentile(costs, p), 1) for p in (50, 95, 99)}
        | {"core_percent": round(sum(costs) / 1e4 / seconds, 2)}
        for name, costs in raw.items()
    }
    return {
        "control_hz": control_hz,
        "seconds": seconds,
        "seed": seed,
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "times_faster_than_real": round(seconds / wall_s, 2),
        "figures": figures,
        "raw_us": {name: [round(c, 1) for c in costs] for name, costs in raw.items()},
    }


def main() -> int:
    """Measure, write the raw file, show the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.loop_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="virtual seconds of scanning")
    parser.add_argument("--control-hz", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path("runs/loop_cost.json"), help="raw figures")
    arguments = parser.parse_args()
    found = measure(arguments.seconds, arguments.control_hz)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found), "utf-8")
    shown = {key: value for key, value in found.items() if key != "raw_us"}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
