"""The page "what happens if" in Chromium, served by `teleop whatif`, driven by the keyboard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import watch_errors
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.process, pytest.mark.browser]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "teleop.cli", "whatif", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline().split()
        assert said[:1] == ["open"], said
        yield said[1]
        server.terminate()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    watch_errors(page, errors)
    page.goto(f"{address}?lang=en")
    page.wait_for_selector("#state[data-state=QUALIFIED]")
    yield page
    context.close()
    assert not errors


def press(page: Page, name: str) -> None:
    """As a person without a mouse."""
    page.focus(f"#{name}")
    page.keyboard.press("Enter")


def shown(page: Page, state: str) -> None:
    page.wait_for_selector(f"#state[data-state={state}]")


def test_the_keyboard_alone_drives_and_stops(page: Page) -> None:
    press(page, "do-allow")
    shown(page, "ARMED")
    press(page, "do-press")
    shown(page, "ACTIVE")
    assert page.get_attribute("#permit", "data-permit") == "OPERATE"
    page.focus("#causes input[value=COMMAND_AGE]")
    page.keyboard.press("Space")
    shown(page, "HOLD")
    assert page.get_attribute("#cause", "data-cause") == "COMMAND_AGE"
    press(page, "wait-10000")
    shown(page, "SAFE_STOP")
    assert page.get_attribute("#step", "data-step") == "ACKNOWLEDGE"
    press(page, "again")
    shown(page, "QUALIFIED")


def test_every_word_is_there_in_both_languages(page: Page) -> None:
    english = page.inner_text("#do-emergency")
    press(page, "language")
    page.wait_for_selector("html[lang=zh-CN]")
    assert page.inner_text("#do-emergency") != english
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, label, h1, h2, dt, option')]"
        ".filter((n) => !n.textContent.trim() || /^(whatif|cause|contact)\\./.test(n.textContent))"
        ".length"
    )
    assert unnamed == 0
