"""`python -m teleop.keys --run RUN_DIR --guard-pipe FD --state DIR`: started by the supervisor."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from teleop.config import Config, ConfigError, read_run
from teleop.keys.errors import KeysError
from teleop.keys.files import IDENTITY_FILE, load_identity, read_devices, read_pins
from teleop.keys.master import KeyMaster
from teleop.keys.service import KeysService
from teleop.keys.sources import open_source
from transport.identity import decode
from transport.local.life import Life
from transport.local.mailbox import MailboxError

NONCE_BYTES = 32


def make_master(config: Config, run_dir: Path, state: Path) -> KeyMaster:
    """The key master of a run. SetupError: a file of the site cannot be used."""
    devices = [decode(d.device_key) for d in read_devices(state) if d.role == "console"]
    consoles = frozenset(key for key in devices if key)
    return KeyMaster(
        site=load_identity(state / IDENTITY_FILE),
        nonce=lambda: os.urandom(NONCE_BYTES),
        pins=lambda: read_pins(run_dir),
        enrolled=lambda key: key in consoles,
        gateway_is_enough=config.security.browser_consoles,
        rekey_ns=round(config.security.rekey_s * 1e9),
        source=open_source(config.security),
    )


def main() -> int:
    """Run until told to leave; 0, or 2 with the fix on stderr."""
    parser = argparse.ArgumentParser(prog="teleop.keys")
    parser.add_argument("--run", type=Path, required=True, metavar="RUN_DIR")
    parser.add_argument("--life", type=int, metavar="FD", help="read end of the life pipe")
    parser.add_argument("--guard-pipe", type=int, required=True, metavar="FD")
    parser.add_argument("--state", type=Path, required=True, help="state folder of the site")
    given = parser.parse_args()
    life = Life(given.life)
    try:
        master = make_master(read_run(given.run), given.run, given.state)
        service = KeysService(given.run, master, given.guard_pipe)
    except (KeysError, ConfigError, MailboxError, OSError) as error:
        sys.stderr.write(f"keys: {error}\n")
        return 2
    service.run(life)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
