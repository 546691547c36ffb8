"""Invitations: a join code for everybody, and for native consoles a pin, the site and its TLS seal.

Everything after `#` stays in the client: a browser does not send it, a native console sends the
code alone. The pin authenticates the command key (`transport/keyagreement.py`), `site` the robot's
signatures (`transport/binding.py`), `cert` pins TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from teleop.config import ConfigError, read_run
from teleop.gateway.store import INVITATIONS_FILE
from teleop.keys.files import SITE_KEY_FILE, add_pin, read_site_key, write_private
from teleop.supervisor.certificate import seal_of
from teleop.supervisor.errors import ProcessError, UsageError
from teleop.supervisor.rundir import PREFIX, join_code, lock_is_held, parent_folder, read_json
from transport.identity import DeviceKey, decode, encode, fingerprint
from transport.local.clock import now_ns
from transport.schema import Role
from transport.sessions import Invitation, StoreError, parse_invitations

PAGES = {Role.CONSOLE: "console", Role.BEDSIDE: "bedside", Role.OBSERVER: "observe"}
MOST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Invited:
    """What to give to the person."""

    page: str
    """For a browser."""
    native: str
    """For a native console; empty for other roles."""


def find_run(run_dir: Path | None) -> Path:
    """The running session's folder. UsageError: there is none, or several."""
    if run_dir is not None:
        if not (run_dir / "gateway.json").exists():
            raise UsageError(f"{run_dir}: no session runs there")
        return run_dir
    found = [folder for folder in parent_folder().glob(f"{PREFIX}*") if lock_is_held(folder)]
    if len(found) != 1:
        which = "no session is running" if not found else "several sessions are running"
        raise UsageError(f"{which}; name its run folder with --run")
    return found[0]


def remember(run_dir: Path, code: str, invitation: Invitation) -> None:
    """Let the gateway know a code. UsageError: the file of invitations is damaged."""
    path = run_dir / INVITATIONS_FILE
    try:
        known = parse_invitations(path.read_bytes()) if path.exists() else {}
    except (StoreError, OSError) as error:
        raise UsageError(f"{path}: {error}") from error
    write_private(path, msgspec.json.encode({**known, code: invitation}))


def invite(run_dir: Path, role: Role, minutes: float, device: str = "") -> Invited:
    """A fresh single-use invitation to a running session. UsageError: not possible."""
    key = decode(device)
    if device and (key is None or len(key) not in (32, 65)):
        raise UsageError(f"--device {device}: not a device key")
    code = join_code()
    until_ns = now_ns() + round(minutes * 60e9)
    remember(run_dir, code, Invitation(role, until_ns, device))
    return address_of(run_dir, role, code, add_pin(run_dir) if role is Role.CONSOLE else "")


def address_of(run_dir: Path, role: Role, code: str, pin: str = "") -> Invited:
    """The addresses that a code opens. ProcessError: the session does not serve pages."""
    gateway = read_json(run_dir / "gateway.json")
    if gateway is None:
        raise ProcessError(f"{run_dir}: gateway.json cannot be read")
    try:
        seal = seal_of(read_run(run_dir))
    except ConfigError as error:
        raise ProcessError(str(error)) from error
    host = f"[{gateway['host']}]" if ":" in str(gateway["host"]) else str(gateway["host"])
    base = f"{'https' if seal else 'http'}://{host}:{gateway['port']}"
    page = f"{base}/{PAGES[role]}#code={code}"
    if role is not Role.CONSOLE:
        return Invited(page, "")
    site = read_site_key(run_dir)
    native = page + (f"&pin={pin}" if pin else "")
    native += f"&site={fingerprint(site)}" if site else ""
    return Invited(page, native + (f"&cert={encode(seal)}" if seal else ""))


def write_site_key(run_dir: Path, identity: DeviceKey) -> None:
    """Tell the programs of this machine who the site is."""
    write_private(run_dir / SITE_KEY_FILE, identity.public_bytes)
