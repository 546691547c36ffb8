"""The page on the state machine is what the tables say."""

from __future__ import annotations

from pathlib import Path

from safety.diagram import markdown
from safety.states import Cause, State

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == markdown(), "run python -m safety.diagram > docs/..."


def test_the_page_is_complete() -> None:
    text = markdown()
    assert all(f"| {cause.name} |" in text for cause in Cause if cause != Cause.NONE)
    assert all(f"| {state.name} |" in text for state in State)
