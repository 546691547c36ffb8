"""`python -m teleop.gateway --run RUN_DIR [--life FD]`: started by the supervisor."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop

from teleop.config import ConfigError, read_run
from teleop.gateway.app import serve
from teleop.gateway.errors import StartError
from transport.local.mailbox import MailboxError
from transport.sessions import StoreError

EXIT_USAGE = 2
"""The configuration or the machine has to be changed first; starting again does not help."""


def main() -> int:
    """Run until told to leave; exit code 0, or 2 with the fix on stderr."""
    parser = argparse.ArgumentParser(prog="teleop.gateway", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, metavar="RUN_DIR")
    parser.add_argument("--life", type=int, metavar="FD", help="read end of the life pipe")
    arguments = parser.parse_args()
    try:
        config = read_run(arguments.run)
        uvloop.run(serve(arguments.run, config, arguments.life))
    except (StartError, ConfigError, StoreError, MailboxError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
