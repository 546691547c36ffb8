"""`teleop check-config`: every problem of a configuration file, before anything starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from safety.limits import widened
from teleop.config import Config, ConfigError, load
from teleop.supervisor import preflight
from teleop.supervisor.errors import SupervisorError


def problems_of(path: Path) -> tuple[list[str], list[str]]:
    """(problems, notes) of a configuration file."""
    try:
        config = load(path)
    except ConfigError as error:
        return [str(error)], []
    problems: list[str] = []
    checks: tuple[Callable[[], None], ...] = (
        lambda: preflight.check_site(config),
        lambda: preflight.check_limits(config),
        lambda: preflight.check_inputs(config),
        lambda: preflight.check_address(config, try_port=False),
    )
    for check in checks:
        try:
            check()
        except SupervisorError as error:
            problems.append(str(error))
    return problems, _notes(config)


def _notes(config: Config) -> list[str]:
    text = "is wider than the policy: simulation only, shown as a banner."
    return [f"limits.{name} {text}" for name in widened(config.limits)]


def show_check(path: Path, json_wanted: bool) -> int:
    """Print the problems; return the exit code."""
    problems, notes = problems_of(path)
    if json_wanted:
        print(json.dumps({"file": str(path), "problems": problems, "notes": notes}))
        return 2 if problems else 0
    for problem in problems:
        print(f"✗ {problem}")
    for note in notes:
        print(f"! {note}")
    if not problems:
        print(f"✓ {path} can be used.")
    return 2 if problems else 0
