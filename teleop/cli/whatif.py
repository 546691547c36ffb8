"""`teleop whatif`: the page on which anyone asks the safety machine."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = "Examples:  teleop whatif  |  teleop whatif --port 0"


def whatif(
    port: Annotated[int, typer.Option(help="Port on this machine; 0: any free one.")] = 8090,
) -> None:
    """Serve the page "what happens if": set causes, see what the safety machine answers.

    The real machine answers, with the default limits; nothing moves. Ctrl-C ends it. In a running
    session the same page is at /whatif.
    """
    from teleop.gateway.errors import GatewayError
    from teleop.whatif.server import serve

    try:
        serve(port, lambda address: typer.echo(f"open {address}/whatif"))
    except GatewayError as error:
        typer.echo(f"teleop: {error}", err=True)
        raise typer.Exit(3) from error
