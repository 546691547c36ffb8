"""`python -m teleop.guard --run RUN_DIR --life FD`: started by the supervisor."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safety.core import GuardCore
from teleop.guard.bedside import open_input
from teleop.guard.epoch_store import EpochStore
from teleop.guard.errors import GuardError
from teleop.guard.inputs import Collector
from teleop.guard.keypipe import KeyPipe
from teleop.guard.life import GuardLife
from teleop.guard.setup import read
from teleop.guard.shell import GuardShell
from teleop.processes import spec
from transport.local.loop import Cycle
from transport.local.mailbox import MailboxError
from transport.local.realtime import NOT_ASKED, go_real_time


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="teleop.guard", description="The safety process.")
    parser.add_argument("--run", type=Path, required=True, help="run folder with the channels")
    parser.add_argument("--life", type=int, help="life pipe of the supervisor (file descriptor)")
    parser.add_argument("--state", type=Path, help="folder of the site's epoch (default: --run)")
    parser.add_argument("--keys", type=int, help="pipe of the keys process (file descriptor)")
    parser.add_argument(
        "--bedside-input", default="key", help="key (this terminal), or a tty, device or socket"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run guard; return the exit code."""
    given = _arguments(arguments)
    life = GuardLife(given.life)
    row = spec("guard")
    try:
        setup = read(given.run)
        store = EpochStore(given.state or given.run, at_least_boot=setup.boot)
        bedside = open_input(given.bedside_input)
        collector = Collector(given.run, bedside, store, KeyPipe(given.keys))
        core = GuardCore(
            setup.limits, simulated=setup.simulated, display_lag_ms=setup.display_lag_ms
        )
        shell = GuardShell(given.run, core, collector, store)
    except (GuardError, MailboxError) as error:
        sys.stderr.write(f"guard: {error}\n")
        return 2
    period_ns = 1_000_000_000 // setup.control_hz
    cycle = Cycle(period_ns, offset_ns=round(period_ns * row.phase))
    granted = go_real_time(row.fifo, setup.cpus) if setup.real_time else NOT_ASKED
    try:
        shell.run(cycle, life, granted)
    finally:
        collector.close()
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
