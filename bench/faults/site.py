"""A site's own limits for the fault bench, as text that is stored with the cases."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bench.kit.bench import UsageError
from safety.limits import DEFAULT, Limits, LimitsError, check
from teleop.config import ConfigError, load, parse


def table_of(path: Path) -> str:
    """The `[limits]` of a configuration file that differ from the policy, as TOML.

    UsageError: the file cannot be read, or its limits may not be used (the message names which).
    """
    try:
        limits = load(path).limits
        check(limits, simulated=True)
    except (ConfigError, LimitsError) as error:
        raise UsageError(f"--limits: {error}") from error
    lines = [
        f"{field.name} = {_toml(getattr(limits, field.name))}"
        for field in dataclasses.fields(Limits)
        if getattr(limits, field.name) != getattr(DEFAULT, field.name)
    ]
    if not lines:
        raise UsageError(f"--limits: {path} holds no limit that differs from the policy")
    return "\n".join(["[limits]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def limits_of(table: str) -> Limits:
    """The limits of such a table; the policy's when it is empty."""
    return parse(table).limits


def in_words(table: str) -> str:
    """For the list of parameters."""
    return ", ".join(table.splitlines()[1:]) or "policy"
