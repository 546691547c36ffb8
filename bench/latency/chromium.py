"""A real Chromium as the viewer: decoded and presented times, the page's clock on ours."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.kit.bench import SkipCase
from bench.latency import log
from bench.latency.place import Place
from bench.latency.rig import Child
from bench.pages.browser import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

PINGS = 60


@dataclass(frozen=True, slots=True)
class PageClock:
    """The page's performance.now() on the monotonic clock (Chromium reads CLOCK_MONOTONIC too)."""

    offset_ns: int
    uncertain_ms: float
    """Half of the shortest round trip: the offset cannot be further off."""

    def ns(self, page_ms: float) -> int:
        """Monotonic time of a page's time."""
        return round(page_ms * 1e6) + self.offset_ns


def clock_of(page: Page) -> PageClock:
    """Compare clocks by the shortest of many round trips."""
    text, middle_ms, half_ms = page.evaluate(f"probe.clock({PINGS})")
    return PageClock(int(text) - round(middle_ms * 1e6), float(half_ms))


def need_chromium() -> str:
    """Chromium's path; SkipCase when it, or Playwright, is missing."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        raise SkipCase("Playwright is missing: pip install playwright") from error
    if not CHROMIUM:
        raise SkipCase("Chromium is missing: apt-get install chromium")
    return CHROMIUM


@contextlib.contextmanager
def page_server(where: Place) -> Iterator[str]:
    """Serve the probe page on the console's side (its clock needs no network); the origin."""
    with Child("page server", (where.console_python, "-m", "bench.latency.pageserver")) as server:
        yield str(server.read()["origin"])


def launch(playwright: Playwright, where: Place, extra: Sequence[str] = ()) -> Browser:
    """A headless Chromium on the console's side."""
    return playwright.chromium.launch(
        executable_path=where.console_wrapper(need_chromium()), headless=True,
        args=[*ARGUMENTS, "--autoplay-policy=no-user-gesture-required", *extra],
    )  # fmt: skip


def open_probe(playwright: Playwright, origin: str, where: Place) -> Page:
    """The probe page in a browser of its own."""
    page = launch(playwright, where).new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{origin}/")
    page.wait_for_function("window.probe !== undefined")
    return page


def seen_of(raw: dict[str, Any], clock: PageClock) -> list[log.Seen]:
    """The page's two lists as one: decoded frames, with the time of presentation where known."""
    shown = {int(entry[0]): entry for entry in raw["presented"]}
    out = []
    for media_us, rtp, number, time_us, at_ms in raw["decoded"]:
        entry = next((shown[int(media_us) + d] for d in (0, -1, 1) if int(media_us) + d in shown),
                     None)  # fmt: skip
        known = int(rtp) if rtp >= 0 else (int(entry[1]) if entry is not None else -1)
        presented_ns = clock.ns(entry[2]) if entry is not None else 0
        out.append(log.Seen(known, int(number), int(time_us), 0, 0, clock.ns(at_ms), presented_ns))
    return out
