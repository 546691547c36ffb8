"""Both people at work on the two pages of a running demo."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TooLate

from bench.pages.browser import data, open_page
from bench.pages.demo import Demo, cause_names, wait_for
from safety.states import State, Step

CONSOLE_SIZE = (1280, 800)
TABLET_SIZE = (768, 1024)


def join(
    browser: Browser,
    demo: Demo,
    size: tuple[int, int] = CONSOLE_SIZE,
    shots: Path | None = None,
) -> Session:
    """Open both pages of a running demo and join; `size` of the console, pixels."""
    bedside = open_page(browser, demo.url("bedside"), *TABLET_SIZE)
    bedside.locator("#join").click()
    return Session(demo, join_console(browser, demo, size), bedside, shots)


def join_console(browser: Browser, demo: Demo, size: tuple[int, int] = CONSOLE_SIZE) -> Page:
    """Open the console of a running demo and join."""
    console = open_page(browser, demo.url("console"), *size)
    console.locator("#join").click()
    return console


@dataclass
class Session:
    """Both people at work."""

    demo: Demo
    console: Page
    bedside: Page
    shots: Path | None = None

    def answer_mark(self) -> None:
        """The expert types the number (the test reads it from guard; eyes are tested elsewhere).

        Guard takes an answer only after a command named a frame that carried the mark, so a test
        that is faster than any person may have to type it again.
        """
        wait_for("the mark is answered", self._typed_mark, 60)

    def _typed_mark(self) -> bool:
        guard = self.demo.guard
        if guard.mark_ok:
            return True
        if guard.mark >= 0 and self.console.locator("#mark").is_visible():
            self.console.locator("#mark-input").fill(f"{guard.mark:04d}", timeout=5000)
            self.console.locator("#mark-input").press("Enter", timeout=5000)
            wait_for("guard judges it", lambda: self.demo.guard.cycle > guard.cycle + 150)
        return self.demo.guard.mark_ok

    def arm(self) -> None:
        """Everything up to ARMED."""
        self.demo.bedside.send(b"s")
        wait_for("stop tested", lambda: self.demo.guard.stop_tested)
        self.bedside.locator("#declare-probe").click()
        wait_for("ARMED", self.allow, 90)

    def allow(self) -> bool:
        """Whether motion is allowed; else do the step that leads there."""
        return self._next(self.demo.guard.state == State.ARMED)

    def press(self) -> None:
        """Hold the deadman, with the focus on the page."""
        self.console.locator("body").click(position={"x": 5, "y": 5})
        self.console.keyboard.down("Space")

    def release(self) -> None:
        """Let the deadman go."""
        self.console.keyboard.up("Space")

    def to_contact(self, force_n: float = 3.0) -> None:
        """Hold Space until the force is up; do what the pages ask for when something stops it."""
        self.press()
        wait_for(f"{force_n} N", lambda: self._pressing(force_n), 180)

    def _pressing(self, force_n: float) -> bool:
        return self.moves() and self.demo.servo.force_filtered_n >= force_n

    def moves(self) -> bool:
        """Whether the arm may move; else do the step that the pages name, as people would."""
        return self._next(self.demo.guard.state in (State.ACTIVE, State.DEGRADED))

    def _next(self, done: bool) -> bool:
        """Unless `done`, do what the pages ask for, and give guard the time to hear of it."""
        if not done:
            guard = self.demo.guard
            with contextlib.suppress(TooLate):  # a button that has just gone: look again
                STEPS.get(guard.step, Session._look)(self)
            wait_for("guard heard it", lambda: self.demo.guard.cycle > guard.cycle + 60)
        return done

    def _look(self) -> None:
        """Nothing to do but wait."""

    def _again(self) -> None:
        self.release()
        self.press()

    def _acknowledge(self) -> None:
        self.release()
        if self.console.locator("#acknowledge").is_visible():
            self.console.locator("#acknowledge").click(timeout=5000)

    def _allow(self) -> None:
        self.bedside.locator("#allow").click(timeout=5000)

    def story(self) -> str:
        """What happened, for a failed test: the demo's last messages, then how it stands.

        Summaries show the last line. No addresses: they carry join codes.
        """
        g = self.demo.guard
        lines = [x for x in self.demo.lines() if x.get("event") not in ("status", "joined")]
        return (
            "\n".join(str(x) for x in lines[-12:]) + f"\n{g.state.name} step {g.step.name} "
            f"first {g.first_out.name} latched {_words(g.causes)} live {_words(g.live_causes)} "
            f"age {g.age_ms:.0f} loop {g.loop_ms:.0f} image {g.image_ms:.0f} ms "
            f"console {self.shown(self.console)} bedside {self.shown(self.bedside)}"
        )

    def shown(self, page: Page) -> tuple[str, str]:
        """(state, cause) that a page shows."""
        return str(data(page, "state", "state")), str(data(page, "cause", "cause"))


class ConsoleSession(Session):
    """The console alone is a page; a scripted nurse does what is done at the bedside."""

    def __init__(self, demo: Demo, console: Page) -> None:
        super().__init__(demo, console, console)

    def arm(self) -> None:
        """Wait until the nurse has armed; the mark is read meanwhile."""
        wait_for("ARMED", self.allow, 90)

    def _allow(self) -> None:
        """The nurse does."""


def _words(causes: int) -> str:
    return " ".join(sorted(cause_names(causes))) or "-"


STEPS: dict[Step, Callable[[Session], object]] = {
    Step.READ_MARK: Session._typed_mark,
    Step.ALLOW_MOTION: lambda session: session._allow(),
    Step.HOLD_DEADMAN: Session._again,
    Step.RELEASE_DEADMAN: Session.release,
    Step.ACKNOWLEDGE: Session._acknowledge,
}
"""What people do when the pages name a step (the others resolve by themselves or need no hands)."""
