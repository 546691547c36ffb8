"""What a bench is, and the errors of the kit.

Errors:
    BenchError: base; the message says what to do next.
        StoreError: a stored run is missing, damaged or of another format.
        UsageError: options that select nothing or contradict each other.
    SkipCase: this machine lacks what a case needs; shown, not counted as a failure.
"""

from __future__ import annotations

from typing import Protocol

from bench.kit.model import Case, Measured, Target


class BenchError(RuntimeError):
    """Base of the errors that end a bench; the message says what to do next."""


class StoreError(BenchError):
    """A stored run is missing, damaged or of another format."""


class UsageError(BenchError):
    """Options that select nothing or contradict each other."""


class SkipCase(Exception):  # noqa: N818 (no error: the machine just lacks something)
    """This machine lacks what the case needs; the message says what."""


class Bench(Protocol):
    """One bench. Its module has an instance called `BENCH`; cases run in processes of their own."""

    @property
    def name(self) -> str:
        """The word after `teleop bench`."""

    @property
    def title(self) -> str:
        """One line for tables and pages."""

    @property
    def module(self) -> str:
        """Import path of the module that holds `BENCH`."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Limits; those whose case is not part of a run are left out."""

    def run(self, case: Case) -> Measured:
        """Measure one case. SkipCase: the machine lacks something."""
