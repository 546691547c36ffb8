"""One Chromium and one made-up robot for all tests of the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from fake_robot import Robot, robot_in, wait_until
from playwright.sync_api import Browser, Page, expect, sync_playwright

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
"""Without an autoplay flag: sound needs a click here, as on a real tablet."""
SIZES = {"console": (1280, 800), "bedside": (768, 1024), "observer": (1280, 800)}

Open = Callable[..., Page]
expect.set_options(timeout=60_000)  # a busy machine needs longer than 5 s


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "breaks_page: the shared console is loaded anew afterwards")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is missing: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def _robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    with robot_in(tmp_path_factory.mktemp("robot") / "run", "gateway", "media", "keys") as robot:
        yield robot


@pytest.fixture
def robot(_robot: Robot) -> Robot:
    """The robot, idle and healthy, whatever a failed test left of it."""
    for name in ("gateway", "media"):
        if not _robot.runs(name):
            _robot.start(name)
    _robot.show()
    _robot.silent = False
    _robot.servo = {}
    _robot.events()
    return _robot


def wait_js(page: Page, expression: str) -> None:
    """Wait until true in the page (its security policy forbids Playwright's wait_for_function)."""
    wait_until(lambda: page.evaluate(expression), expression)


def watch_errors(page: Page, errors: list[str]) -> None:
    """Collect what the page's scripts throw and what its security policy blocks."""
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None,
    )


@dataclass
class Driver:
    """The console that holds the lease: the first one keeps it, so there is one for all tests."""

    page: Page
    errors: list[str]
    broken: bool = True
    """A test changed the page's insides: load it anew (its token lets it in again)."""

    def load(self, address: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.wait_for_selector("#state:not([data-state=LOST])")
        wait_js(self.page, "consoleApp.drives()")
        self.page.wait_for_selector("#picture[data-live=live]")
        self.broken = False


@pytest.fixture(scope="session")
def _driver(browser: Browser, _robot: Robot) -> Iterator[Driver]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    watch_errors(page, errors)
    page.goto(_robot.url("console"))
    page.click("#join")
    page.wait_for_selector("#state:not([data-state=LOST])")
    yield Driver(page, errors)
    context.close()


RESET = """() => {
  if (consoleApp.picture.frozen) document.querySelector("#freeze").click();
  if (consoleApp.picture.callipers.active) document.querySelector("#measure").click();
  if (document.documentElement.lang !== "en") document.querySelector("#language").click();
  if (!consoleApp.letters) document.querySelector("#keys-toggle").click();
  document.activeElement?.blur();
  consoleApp.deadman.release("released");
}"""


@pytest.fixture
def driver(_driver: Driver, robot: Robot, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The driving console, in its first state; tests that break it are marked `breaks_page`."""
    _driver.errors.clear()
    if _driver.broken:
        _driver.load(robot.url("console", code=False))
    _driver.page.evaluate(RESET)
    _driver.broken = True
    yield _driver.page
    _driver.page.keyboard.up("Space")
    _driver.broken = request.node.get_closest_marker("breaks_page") is not None
    assert not _driver.errors, _driver.errors


@pytest.fixture
def open_page(browser: Browser, robot: Robot, _driver: tuple[Page, list[str]]) -> Iterator[Open]:
    """Opens a page by role and joins; fails on any error that the page's scripts throw."""
    contexts = []
    errors: list[str] = []

    def open_one(
        role: str,
        *,
        join: bool = True,
        lang: str = "en",
        size: tuple[int, int] | None = None,
        path: str | None = None,
    ) -> Page:
        width, height = size or SIZES[role]
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        watch_errors(page, errors)
        page.goto(path or robot.url(role, lang=lang))
        page.wait_for_selector("#join-dialog[open]")
        if join:
            page.click("#join")
            page.wait_for_selector("#state:not([data-state=LOST])")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not errors, errors
