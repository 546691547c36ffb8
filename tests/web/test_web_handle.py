"""The window of the native console: what was drawn is what counts as seen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import pytest
from fake_robot import wait_until
from numpy.typing import NDArray
from playwright.sync_api import Browser, expect

from safety.states import State, Step
from teleop.console.window import Window

STATUS: dict[str, object] = {
    "state": int(State.ACTIVE), "first_out": 0, "step": int(Step.READ_MARK), "mark_shown": True,
    "force_n": 4.25, "felt_n": 2.0, "coupling": "MODEL", "rtt_ms": 31.0, "loop_ms": 40.0,
    "haptic_ms": 20.0, "block": "NONE",
}  # fmt: skip


@dataclass(frozen=True)
class Grey:
    """A picture."""

    rtp_timestamp: int
    count: int

    def luma(self) -> NDArray[np.uint8]:
        return np.full((240, 320), 90, np.uint8)


@dataclass
class Served:
    """A window on a thread of its own."""

    seen: list[int] = field(default_factory=list)
    events: list[tuple[str, int]] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def start(self) -> None:
        self.window = Window(self.seen.append, lambda name, arg: self.events.append((name, arg)))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.call(self.window.start())

    def call(self, work: object) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self.loop)  # type: ignore[arg-type]
        future.result(20)

    def stop(self) -> None:
        self.call(self.window.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    made.start()
    yield made
    made.stop()


@pytest.mark.browser
def test_a_picture_counts_as_seen_when_it_was_drawn(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.goto(served.window.url)
    wait_until(lambda: served.window.watched, "the page is heard")
    served.call(served.window.show(Grey(4_000_000_001, 1)))
    wait_until(lambda: served.seen, "drawn")
    served.call(served.window.tell(STATUS))
    expect(page.locator("#state")).to_have_attribute("data-state", "ACTIVE")
    expect(page.locator("#coupling")).to_have_attribute("data-coupling", "MODEL")
    expect(page.locator("#force")).to_have_text("4.3")
    page.locator("#mark-input").fill("0421")
    page.locator("#mark-input").press("Enter")
    assert wait_until(lambda: served.events, "the answer") == [("MARK_ANSWER", 421)]
    assert served.seen == [4_000_000_001]
    assert errors == []
    page.close()


@pytest.mark.browser
def test_a_typed_mark_that_was_not_sent_stays_in_its_field(
    browser: Browser, served: Served
) -> None:
    first, second = browser.new_page(), browser.new_page()
    first.goto(served.window.url)
    wait_until(lambda: served.window.watched, "the page is heard")
    served.call(served.window.tell(STATUS))
    expect(first.locator("#mark")).to_be_visible()
    second.goto(served.window.url)  # a window speaks with one page: the first one is hung up
    expect(first.locator("#link")).to_have_attribute("data-ok", "false")
    first.locator("#mark-input").fill("0421")
    first.locator("#mark-input").press("Enter")
    expect(first.locator("#mark-input")).to_have_value("0421")
    served.call(served.window.tell(STATUS))
    second.locator("#mark-input").fill("0422")
    second.locator("#mark-input").press("Enter")
    expect(second.locator("#mark-input")).to_have_value("")
    assert wait_until(lambda: served.events, "the answer") == [("MARK_ANSWER", 422)]
    first.close()
    second.close()


@pytest.mark.browser
def test_other_pages_cannot_speak_with_the_window(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.goto("about:blank")
    address = served.window.url.replace("http", "ws") + "ws"
    opened = page.evaluate(
        """(address) => new Promise((done) => {
          const socket = new WebSocket(address);
          socket.onopen = () => done(true);
          socket.onerror = () => done(false);
        })""",
        address,
    )
    assert opened is False
    page.close()
