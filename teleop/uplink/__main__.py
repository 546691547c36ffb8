"""`python -m teleop.uplink --run RUN_DIR [--life FD]`: started by the supervisor."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from teleop.config import ConfigError, read_run
from teleop.processes import spec
from teleop.uplink.shell import UplinkShell
from transport.local.life import Life
from transport.local.mailbox import MailboxError
from transport.local.realtime import NOT_ASKED, go_real_time


def main(arguments: list[str] | None = None) -> int:
    """Run uplink; return the exit code."""
    parser = argparse.ArgumentParser(prog="teleop.uplink", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="run folder with the channels")
    parser.add_argument("--life", type=int, help="life pipe of the supervisor (file descriptor)")
    given = parser.parse_args(arguments)
    life = Life(given.life)
    try:
        config = read_run(given.run)
        shell = UplinkShell(given.run)
    except (ConfigError, MailboxError) as error:
        sys.stderr.write(f"uplink: {error}\n")
        return 2
    granted = go_real_time(spec("uplink").fifo) if config.rates.real_time else NOT_ASKED
    shell.run(life, given.life, granted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
