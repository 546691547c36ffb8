"""Control state as JSON values and back, bit for bit.

Floats survive because Python writes the shortest text that reads back to the same bits.
"""

from __future__ import annotations

import dataclasses
from enum import IntEnum, IntFlag
from typing import Any

Plain = Any
"""A JSON value: number, bool, list or dict."""


def dump(value: Any) -> Plain:
    """Plain values of a dataclass (its mutable state), tuple, enum or number."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: dump(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if not f.metadata.get("fixed")
        }
    if isinstance(value, IntEnum | IntFlag):
        return int(value)
    return [dump(v) for v in value] if isinstance(value, tuple) else value


def load(target: Any, state: dict[str, Plain]) -> None:
    """Set the fields of the dataclass `target` from `dump`'s values, keeping their types."""
    for name, value in state.items():
        current = getattr(target, name)
        if isinstance(value, dict):
            load(current, value)
        elif isinstance(current, IntEnum | IntFlag):
            setattr(target, name, type(current)(value))
        else:
            setattr(target, name, _tuples(value))


def _tuples(value: Plain) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
