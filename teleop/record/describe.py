"""The schema that is embedded for each packed message: its struct format and its fields.

A reader in any language needs only this: fields in order, little-endian, no padding, the type
letters of Python's `struct` module. See `docs/adr/0003-recording.md` for why bytes are stored as
the processes packed them.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import json
import sys
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from safety import frame

_SCALARS = {bool: "?", int: "q", float: "d"}
UNITS = (
    ("_deg_s", "deg/s"), ("_rad_s", "rad/s"), ("_m_s", "m/s"), ("_n_m", "N/m"), ("_kbps", "kbit/s"),
    ("_rad", "rad"), ("_ns", "ns"), ("_us", "us"), ("_ms", "ms"), ("_nm", "N m"), ("_hz", "Hz"),
    ("_m", "m"), ("_n", "N"), ("_s", "s"), ("_q_probe", "quaternion xyzw"), ("fps", "1/s"),
)  # fmt: skip
"""Unit by the end of a field's name (house style: names carry units)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a flat layout."""

    name: str
    """Dotted path, with [i] for the items of a fixed tuple of messages."""
    code: str
    """Type letter of the `struct` module; bytes as `124s`."""
    count: int
    """Number of values (a vector of 3 has 3); 1 for bytes."""
    unit: str = ""
    doc: str = ""
    names: dict[int, str] | None = None
    """Names of the values of an enumeration."""


def unit_of(name: str) -> str:
    """Unit that a field's name carries, empty when it carries none."""
    return next((unit for end, unit in UNITS if name.endswith(end)), "")


@cache
def _docs(cls: type) -> dict[str, str]:
    """Strings that follow the fields of a dataclass in its source."""
    tree = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
    out: dict[str, str] = {}
    for before, after in zip(found.body, found.body[1:], strict=False):
        is_field = isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)
        if is_field and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            assert isinstance(before, ast.AnnAssign)
            assert isinstance(before.target, ast.Name)
            out[before.target.id] = " ".join(str(after.value.value).split())
    return out


def fields_of(cls: Any, path: str = "") -> list[Field]:
    """The flat fields of a message dataclass, in the order of `safety.layout`."""
    hints = get_type_hints(cls, include_extras=True)
    out: list[Field] = []
    for item in dataclasses.fields(cls):
        name = f"{path}{item.name}"
        out += _expand(hints[item.name], name, _docs(cls).get(item.name, ""))
    return out


def _expand(hint: Any, name: str, doc: str) -> list[Field]:
    unit = unit_of(name)
    if dataclasses.is_dataclass(hint):
        return fields_of(hint, f"{name}.")
    if get_origin(hint) is not Annotated:
        if issubclass(hint, enum.IntEnum | enum.IntFlag):
            names = {int(m): str(m.name) for m in hint}
            return [Field(name, "q", 1, "", doc, names)]
        return [Field(name, _SCALARS[hint], 1, unit, doc)]
    base, detail = get_args(hint)
    if detail == "Q":
        return [Field(name, "Q", 1, unit, doc)]
    if base is bytes:
        return [Field(name, f"{detail}s", 1, unit, doc)]
    item = get_args(base)[0]
    if item is float:
        return [Field(name, "d", detail, unit, doc)]
    return [f for i in range(detail) for f in _expand(item, f"{name}[{i}]", doc)]


def command_fields() -> list[Field]:
    """`received_ns` and the safety frame, as the gateway logs every command."""
    out = [Field("received_ns", "q", 1, "ns", "when the gateway received it")]
    for name, code, unit, doc in frame.FIELDS:
        many = len(code) > 1 and not code.endswith("s")
        count = int(code[:-1]) if many else 1
        out.append(Field(name, code[-1] if many else code, count, unit.strip("-"), doc))
    return out


def struct_format(fields: list[Field]) -> str:
    """Format for `struct.unpack`, little-endian without padding."""
    return "<" + "".join(f.code if f.count == 1 else f"{f.count}{f.code}" for f in fields)


def schema_json(name: str, fields: list[Field]) -> bytes:
    """The embedded schema of one topic."""
    rows: list[dict[str, Any]] = []
    for field in fields:
        row = {k: v for k, v in dataclasses.asdict(field).items() if v not in ("", None)}
        rows.append(row)
    content = {
        "name": name,
        "about": "Bytes as Python's struct.unpack(struct, data) reads them; NaN: not measured.",
        "struct": struct_format(fields),
        "fields": rows,
    }
    return json.dumps(content, ensure_ascii=False).encode()
