"""`teleop invite`: one more person for a running session."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from teleop.cli.text import Texts
from teleop.config import read_run
from teleop.supervisor.errors import SupervisorError
from teleop.supervisor.invite import find_run, invite
from transport.schema import Role


def show_invitation(
    role: str, run_dir: Path | None, minutes: float, device: str, as_json: bool
) -> tuple[int, str]:
    """Print a fresh address; return the exit code and what to say on the error output."""
    if role not in list(Role):
        return 2, f"{role}: known roles are {', '.join(Role)}"
    try:
        found = find_run(run_dir)
        invited = invite(found, Role(role), minutes, device)
    except SupervisorError as error:
        return error.exit_code, str(error)
    if as_json:
        typer.echo(json.dumps({"page": invited.page, "native": invited.native}))
        return 0, ""
    texts = Texts(read_run(found).language)
    typer.echo(texts("cli.invited", role=texts(f"cli.{role}"), minutes=f"{minutes:g}"))
    typer.echo(f"  {invited.page}")
    if invited.native:
        typer.echo(f"  {texts('cli.native')} {invited.native}")
    return 0, ""
