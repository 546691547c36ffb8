"""Both people at work on the two pages of a running demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from e2e_demo import Demo, wait_for
from e2e_pages import data
from playwright.sync_api import Page

from safety.states import State


@dataclass
class Session:
    """Both people at work."""

    demo: Demo
    console: Page
    bedside: Page
    shots: Path | None

    def answer_mark(self) -> None:
        """The expert types the number (the test reads it from guard; eyes are tested elsewhere)."""
        wait_for("the mark is asked for", lambda: self.console.locator("#mark").is_visible())
        mark = wait_for("guard drew a mark", lambda: self.demo.guard.mark + 1) - 1
        self.console.locator("#mark-input").fill(f"{mark:04d}")
        self.console.locator("#mark-input").press("Enter")

    def arm(self) -> None:
        """Everything up to ARMED."""
        self.demo.bedside.send(b"s")
        wait_for("stop tested", lambda: self.demo.guard.stop_tested)
        self.bedside.locator("#declare-probe").click()
        self.answer_mark()
        wait_for("QUALIFIED", self.demo.in_state(State.QUALIFIED))
        self.bedside.locator("#allow").click()
        wait_for("ARMED", self.demo.in_state(State.ARMED))

    def press(self) -> None:
        self.console.locator("body").click(position={"x": 5, "y": 5})
        self.console.keyboard.down("Space")

    def release(self) -> None:
        self.console.keyboard.up("Space")

    def to_contact(self, force_n: float = 3.0) -> None:
        """Hold Space until the force is up."""
        self.press()
        wait_for("ACTIVE", self.demo.in_state(State.ACTIVE, State.DEGRADED))
        wait_for(f"{force_n} N", lambda: self.demo.servo.force_filtered_n >= force_n, 40)

    def shown(self, page: Page) -> tuple[str, str]:
        """(state, cause) that a page shows."""
        return str(data(page, "state", "state")), str(data(page, "cause", "cause"))
