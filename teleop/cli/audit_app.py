"""`teleop audit`: check, read and prepare what the audit log is about (docs/audit.md)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

audit_app = typer.Typer(
    no_args_is_help=True, help="The signed log of joins, consents, engagements, stops, exports."
)


class For(StrEnum):
    """What a consent is for."""

    SESSION = "session"
    EXPORT = "export"


def _run(work: Callable[[], int]) -> NoReturn:
    """Run work on logs; its errors become one line and exit code 2."""
    from teleop.audit.errors import AuditError

    try:
        code = work()
    except AuditError as error:
        typer.echo(f"teleop: {error}", err=True)
        code = 2
    raise typer.Exit(code)


@audit_app.command(
    epilog="Example:  teleop audit verify runs/site-demo runs/site-demo-expert  |  "
    "teleop audit verify audit.log console.log"
)
def verify(
    first: Annotated[Path, typer.Argument(help="Log of one site, or its state folder.")],
    second: Annotated[
        Path | None, typer.Argument(help="Log of the other site; none: check the first alone.")
    ] = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
    lang: Annotated[str, typer.Option(metavar="en|zh", help="Language of this output.")] = "en",
) -> None:
    """Find edits, deletions, reorders, truncations and forks; reconcile two sites.

    Exit code 0: nothing is wrong. 1: something is; each finding says what and where. A session
    that is running, or was killed, shows as an open end. 2: a file cannot be read.
    """
    from teleop.cli.audit import verify_logs

    _run(lambda: verify_logs(first, second, json_wanted, lang))


@audit_app.command(epilog="Example:  teleop audit show runs/site-demo")
def show(
    log: Annotated[Path, typer.Argument(help="Log, or a site's state folder.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also the heads that the sites exchanged.")
    ] = False,
    json_wanted: Annotated[bool, typer.Option("--json", help="The entries as JSON.")] = False,
) -> None:
    """List the entries of a log."""
    from teleop.cli.audit import show_log

    _run(lambda: show_log(log, json_wanted, everything))


@audit_app.command(epilog="Example:  teleop audit consent -o consent.json --scope session")
def consent(
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to write it.")],
    scope: Annotated[
        list[For] | None, typer.Option(help="What it is for (default: session); twice for both.")
    ] = None,
    hours: Annotated[float, typer.Option(min=0.1, max=744, help="How long it is valid.")] = 12.0,
    site: Annotated[str, typer.Option(help="Name of the site (`site` of the configuration).")] = (
        "demo"
    ),
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the site keeps its state.")
    ] = None,
) -> None:
    """Sign a consent, once the patient has consented on paper. It names nobody.

    A session with a real arm starts only with one; a recording is exported only if the consent of
    its session is for export.
    """
    from teleop.audit.consent import Scope
    from teleop.cli.audit import give_consent
    from teleop.supervisor.rundir import default_state_folder

    folder = state or default_state_folder(site)
    scopes = tuple(dict.fromkeys(Scope(item) for item in scope or [For.SESSION]))
    _run(lambda: give_consent(folder, scopes, hours, out))
