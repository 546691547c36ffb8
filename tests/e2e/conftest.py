"""One running demo and two joined pages per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from bench.pages.browser import launch
from bench.pages.demo import LIGHT, Demo, wait_for
from bench.pages.people import CONSOLE_SIZE, Session, join
from safety.states import State

LAPTOP_SIZE = (1024, 640)
"""Small: everything must fit, needle work too, and less is drawn in software."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with the module: Playwright's loop in this thread would refuse other tests' loops."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@contextmanager
def joined(
    browser: Browser, demo: Demo, size: tuple[int, int], shots: Path | None = None
) -> Iterator[Session]:
    """Both people on the pages of a demo; at the end no page may have met an error."""
    try:
        demo.start()
        people = join(browser, demo, size, shots)
        wait_for("CONNECTED", demo.in_state(State.CONNECTED, State.QUALIFIED), 60)
        yield people
        if demo.process.poll() is None:
            print(people.story())  # shown by pytest when the test failed
        for page in (people.console, people.bedside):
            assert not page.problems, page.problems  # type: ignore[attr-defined]
    finally:
        for context in browser.contexts:
            context.close()
        demo.stop()


@pytest.fixture
def session(browser: Browser, tmp_path: Path) -> Iterator[Session]:
    shots = os.environ.get("TELEOP_SCREENSHOTS")
    demo = Demo(tmp_path, extra="" if shots else LIGHT)
    size = CONSOLE_SIZE if shots else LAPTOP_SIZE
    with joined(browser, demo, size, Path(shots) if shots else None) as people:
        yield people


@pytest.fixture
def needle_session(browser: Browser, tmp_path: Path) -> Iterator[Session]:
    extra = "needle_image_ms = 1500.0\n" + LIGHT  # as the other limits: a shared, noisy machine
    with joined(browser, Demo(tmp_path, extra=extra, record=False), LAPTOP_SIZE) as people:
        yield people
