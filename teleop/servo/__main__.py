"""`python -m teleop.servo --run RUN_DIR --life FD`: started by the supervisor."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from haptics.force_law import ForceOptions
from teleop.config import ConfigError, control_hz, read_run
from teleop.drivers.arm import ArmError, entry
from teleop.processes import spec
from teleop.servo.laws import law_for
from teleop.servo.shell import ServoShell
from transport.local.life import Life
from transport.local.loop import Cycle
from transport.local.mailbox import MailboxError
from transport.local.realtime import NOT_ASKED, go_real_time


def main(arguments: list[str] | None = None) -> int:
    """Run servo; return the exit code."""
    parser = argparse.ArgumentParser(prog="teleop.servo", description="Servo loop of the arm.")
    parser.add_argument("--run", type=Path, required=True, help="run folder with the channels")
    parser.add_argument("--life", type=int, help="life pipe of the supervisor (file descriptor)")
    given = parser.parse_args(arguments)
    life = Life(given.life)
    row = spec("servo")
    try:
        config = read_run(given.run)
        row_of_arm = entry(config.arm.driver)
        arm = row_of_arm.open(given.run)
        law = law_for(row_of_arm.interface, config.limits, ForceOptions(align=config.arm.align))
        shell = ServoShell(given.run, arm, config.limits, law)
        period_ns = 1_000_000_000 // control_hz(config, os.cpu_count() or 1)
        cycle = Cycle(period_ns, offset_ns=round(period_ns * row.phase))
        rates = config.rates
        granted = go_real_time(row.fifo, rates.control_cpus) if rates.real_time else NOT_ASKED
        shell.run(cycle, life, granted)
        arm.close()
    except (ArmError, ConfigError, MailboxError) as error:
        sys.stderr.write(f"servo: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
