"""`python -m bench.explore`: explore the safety core and say what was covered (exit 1: broken)."""

from __future__ import annotations

import argparse
import os
import sys

from bench.explore import commands, permits
from bench.explore.inputs import representatives
from bench.explore.search import Found, Plan, search
from safety.limits import Limits
from safety.states import State

EVERY_NODES = 200


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.explore", description=__doc__)
    parser.add_argument("--causes", type=int, default=2, help="causes in the same step (default 2)")
    parser.add_argument(
        "--exact", action="store_true", help="every latched mask is a node (very many)"
    )
    parser.add_argument("--max-nodes", type=int, default=0, help="stop there (default: never)")
    parser.add_argument("--no-frames", action="store_true", help="leave out the command gate")
    return parser.parse_args()


def _progress(found: Found, waiting: int) -> None:
    if found.nodes % EVERY_NODES == 0:
        sys.stdout.write(f"{found.nodes} nodes, {found.edges} edges, {waiting} waiting\n")
        sys.stdout.flush()


def main() -> int:
    """Run the three parts."""
    given = _arguments()
    os.nice(15)
    limits = Limits()
    found = search(Plan(given.causes, given.exact, given.max_nodes), limits, _progress)
    orders, frames = permits.Permits(), commands.Frames()
    broken = [*found.broken, *permits.check(found.permits, limits, orders)]
    if not given.no_frames:
        broken += list(commands.check(frames))
    missing = [s.name for s in State if s not in found.states]
    ended = "all reachable nodes" if found.complete else "stopped early"
    sys.stdout.write(
        f"machine: {found.nodes} nodes ({ended}), depth {found.depth}, {found.edges} edges that "
        f"stand for {found.inputs} inputs, {len(representatives())} kinds of cause, "
        f"{given.causes} at once\n"
        f"states not reached: {' '.join(missing) or 'none'}; "
        f"{len(found.moves)} kinds of move\n"
        f"permits: {orders.permits} that stand for {orders.inputs} situations\n"
        f"frames: {frames.frames}, {frames.accepted} accepted\n"
        f"invariants broken: {len(broken)}\n"
    )
    sys.stdout.write("".join(f"  {line}\n" for line in broken[:50]))
    return 1 if broken or missing else 0


if __name__ == "__main__":
    sys.exit(main())
