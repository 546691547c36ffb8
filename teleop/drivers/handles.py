"""Handles by name. To add one: implement `Handle` (four methods), add a row.

`examples/own_handle.py` shows one in under 60 lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from haptics.bilateral.handle import Handle, HandleError


@dataclass(frozen=True, slots=True)
class HandleEntry:
    """One row of the table of handles."""

    make: Callable[[Path], Handle]
    """Takes the console's working folder; connecting is `open`'s work."""
    summary: str


def _sim(folder: Path) -> Handle:
    from teleop.drivers.handle_sim import SimHandle

    return SimHandle(folder)


HANDLES: dict[str, HandleEntry] = {
    "sim": HandleEntry(_sim, "a simulated person at a simulated handle (with --auto)"),
}
"""Every handle that `teleop console --handle` may name."""


def make(name: str, folder: Path) -> Handle:
    """The handle of `name`; HandleError lists what there is."""
    try:
        return HANDLES[name].make(folder)
    except KeyError:
        known = ", ".join(sorted(HANDLES))
        raise HandleError(f"--handle {name}: unknown; known handles: {known}") from None
