"""`teleop enrol`: devices that a site knows."""

from __future__ import annotations

from pathlib import Path

import typer

from teleop.cli.demo import Request, effective, state_folder
from teleop.config import ConfigError
from teleop.keys.errors import SetupError
from teleop.keys.files import ROLES, Device, device_file, enrol, load_identity
from transport.identity import EDWARDS_BYTES, POINT_BYTES, canonical_key, decode


def enrol_device(
    key: str, name: str, role: str, config: Path | None, out: Path | None
) -> tuple[int, str]:
    """Enrol, or print the own key; return the exit code and what to say on the error output."""
    try:
        if not key:
            typer.echo(load_identity(device_file()).public)
            return 0, ""
        raw = decode(key)
        if raw is None or len(raw) not in (EDWARDS_BYTES, POINT_BYTES):
            return 2, f"{key}: not a device key; `teleop enrol` at the console prints it"
        if role not in ROLES or not name:
            return 2, f"give --name, and --role {' or '.join(ROLES)}"
        request = Request(config=config, out=out)
        state = state_folder(request, effective(request))
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        enrol(state, Device(name, role, canonical_key(key)))
    except (ConfigError, SetupError, OSError) as error:
        return 2, str(error)
    typer.echo(f"{name} is enrolled as {role} ({state})")
    return 0, ""
