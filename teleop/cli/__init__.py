"""The command `teleop`. Exit codes: 0 ok, 1 failed or differs, 2 usage or input, 3 machine."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from teleop.cli.app import app

    app()
