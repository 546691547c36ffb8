"""Decodes messages by the schema embedded in the file, not by the code of today."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any

MOST_FIELDS = 5000
MOST_BYTES = 1 << 16
_CODE = re.compile(r"\?|[bBhHiIqQfd]|[1-9][0-9]{0,4}s")


@dataclass(frozen=True, slots=True)
class Column:
    """One value of a packed message."""

    name: str
    unit: str
    names: dict[int, str]


def _check_field(row: Any) -> tuple[str, str, int]:
    """(name, type letter, count) of one field; ValueError: not a schema of ours."""
    if not isinstance(row, dict):
        raise ValueError("a field is no object")
    name, code, count = row.get("name"), row.get("code"), row.get("count")
    if not isinstance(name, str) or not isinstance(code, str) or not isinstance(count, int):
        raise ValueError("a field lacks its name, code or count")
    if not _CODE.fullmatch(code) or not 1 <= count <= 1000:
        raise ValueError(f"field {name}: code {code!r} x {count} unknown")
    return name, code, count


class Decoder:
    """Packed messages of one topic."""

    def __init__(self, schema: bytes) -> None:
        try:
            content = json.loads(schema)
            fields = content["fields"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"embedded schema: {error}") from error
        if not isinstance(fields, list) or len(fields) > MOST_FIELDS:
            raise ValueError("embedded schema: no list of fields")
        self.columns: list[Column] = []
        code_text = "<"
        for row in fields:
            name, code, count = _check_field(row)
            code_text += code if count == 1 else f"{count}{code}"
            names = _names(row.get("names"))
            unit = str(row.get("unit", ""))
            many = [f"{name}[{i}]" for i in range(count)] if count > 1 else [name]
            self.columns += [Column(n, unit, names) for n in many]
        try:
            self._struct = struct.Struct(code_text)
        except struct.error as error:
            raise ValueError(f"embedded schema: {error}") from error
        if self._struct.size > MOST_BYTES:
            raise ValueError(f"embedded schema: {self._struct.size} bytes per message")
        self.index = {c.name: i for i, c in enumerate(self.columns)}
        self.format = code_text

    def values(self, data: bytes) -> tuple[Any, ...]:
        """All values in the order of `columns`; ValueError: wrong size."""
        try:
            return self._struct.unpack(data)
        except struct.error as error:
            raise ValueError(str(error)) from error


def _names(value: Any) -> dict[int, str]:
    if not isinstance(value, dict):
        return {}
    return {int(k): str(v) for k, v in value.items()}


class JsonDecoder:
    """JSON messages (notes, snapshots)."""

    def value(self, data: bytes) -> Any:
        """The object; ValueError: not JSON."""
        return json.loads(data)
