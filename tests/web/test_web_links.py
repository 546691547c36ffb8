"""Two links in a real browser: both used, one lost, the other carries on and the page says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import wait_js
from fake_robot import LIMITS, Robot, robot_in, wait_until
from playwright.sync_api import Browser, expect

from safety.messages import FRAME_BYTES
from teleop.config import Config, Link, Network, write_run

pytestmark = pytest.mark.browser
LINKS = (Link("wired", "127.0.0.1"), Link("5G", "127.0.0.2"))

COUNT_COPIES = f"""() => {{
  const peer = consoleApp.command.links[0];
  const [transmit, again] = [peer.transmit.bind(peer), peer.transmitAgain.bind(peer)];
  Object.assign(window, {{ frames_sent: 0, copies_sent: 0 }});
  peer.transmit = (bytes) => {{
    window.frames_sent += bytes.length === {FRAME_BYTES};
    return transmit(bytes);
  }};
  peer.transmitAgain = (bytes) => {{
    window.copies_sent += bytes.length === {FRAME_BYTES + 1};
    again(bytes);
  }};
}}"""


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[Robot]:
    with robot_in(tmp_path / "run") as robot:
        config = Config(network=Network(port=0, repeat_after_ms=2.0), limits=LIMITS, links=LINKS)
        write_run(robot.run_dir, config)
        for name in ("gateway", "media", "keys"):
            robot.start(name)
        yield robot


def test_one_of_two_links_is_lost(browser: Browser, linked: Robot) -> None:
    page = browser.new_page()
    try:
        page.goto(linked.url("console"), timeout=60_000)
        page.click("#join", timeout=60_000)
        for both in (
            "consoleApp.command.links.filter((link) => link.open).length === 2",
            "consoleApp.video.links.every((link) => link.newest !== null)",
        ):
            wait_until(lambda both=both: page.evaluate(both), both, 60.0)  # type: ignore[misc]
        rows = page.locator(".links li[data-ok=true]")
        expect(rows).to_have_count(2, timeout=60_000)
        wait_until(lambda: linked.gateway().links == 2 and linked.gateway().console_open, "links")
        page.evaluate(COUNT_COPIES)
        wait_until(lambda: page.evaluate("window.frames_sent") > 200, "commands leave")
        copies, frames = page.evaluate("[window.copies_sent, window.frames_sent]")
        assert copies < 0.2 * frames, "each link carries a copy already"
        page.evaluate("consoleApp.command.links[1].stop(); consoleApp.video.links[0].stop()")
        expect(page.locator(".links li[data-ok=false]")).to_have_text("✗ 5G: lost", timeout=60_000)
        wait_until(lambda: linked.gateway().link_silent_ms > 1000.0, "silence is told to guard")
        assert linked.gateway().console_open, "the other link carries on"
        frame = wait_until(linked.frame, "commands arrive")
        wait_until(lambda: (f := linked.frame()) and f.seq > frame.seq + 20, "commands go on")
        before = page.evaluate("window.copies_sent")
        wait_js(page, f"window.copies_sent > {before + 50}")  # the last link carries them twice
        wait_js(page, "consoleApp.video.switches > 0")
        before = page.evaluate("consoleApp.video.frames")
        wait_js(page, f"consoleApp.video.frames > {before + 5}")
    finally:
        page.close()
