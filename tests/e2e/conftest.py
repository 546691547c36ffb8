"""One running demo and two joined pages per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from bench.pages.browser import launch, open_page
from bench.pages.demo import LIGHT, Demo, wait_for
from bench.pages.people import Session
from safety.states import State


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with the module: Playwright's loop in this thread would refuse other tests' loops."""
    with sync_playwright() as playwright:
        chromium = launch(playwright)
        yield chromium
        chromium.close()


@pytest.fixture
def session(browser: Browser, tmp_path: Path) -> Iterator[Session]:
    shots = os.environ.get("TELEOP_SCREENSHOTS")
    demo = Demo(tmp_path, extra="" if shots else LIGHT)
    try:
        demo.start()
        bedside = open_page(browser, demo.url("bedside"), 768, 1024)
        bedside.locator("#join").click()
        console = open_page(browser, demo.url("console"), 1280, 800)
        console.locator("#join").click()
        wait_for("CONNECTED", demo.in_state(State.CONNECTED, State.QUALIFIED), 60)
        people = Session(demo, console, bedside, Path(shots) if shots else None)
        yield people
        if demo.process.poll() is None:
            print(people.story())  # shown by pytest when the test failed
        assert not console.problems, console.problems  # type: ignore[attr-defined]
        assert not bedside.problems, bedside.problems  # type: ignore[attr-defined]
    finally:
        for context in browser.contexts:
            context.close()
        demo.stop()
