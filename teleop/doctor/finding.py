"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor."""

    name: str
    grade: Grade
    detail: str
    fix: str = ""
    """What to do; a command where there is one."""


def ok(name: str, detail: str) -> Finding:
    """Everything is right."""
    return Finding(name, Grade.OK, detail)


def warn(name: str, detail: str, fix: str) -> Finding:
    """It works, with less: slower, or one feature less."""
    return Finding(name, Grade.WARN, detail, fix)


def bad(name: str, detail: str, fix: str) -> Finding:
    """It will not work."""
    return Finding(name, Grade.FAIL, detail, fix)
