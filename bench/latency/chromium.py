"""A real Chromium as the viewer: decoded and presented times, the page's clock on ours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.kit.bench import SkipCase
from bench.latency import log
from bench.pages.browser import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

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


def open_probe(
    playwright: Playwright, origin: str, folder: Path, prefix: Sequence[str] = ()
) -> Page:
    """The probe page in a browser of its own; `prefix` starts it elsewhere (a namespace)."""
    path = need_chromium()
    if prefix:
        wrapper = folder / "chromium"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(prefix)} {path} "$@"\n')
        os.chmod(wrapper, 0o700)
        path = str(wrapper)
    browser = playwright.chromium.launch(
        executable_path=path, headless=True,
        args=[*ARGUMENTS, f"--unsafely-treat-insecure-origin-as-secure={origin}",
              "--autoplay-policy=no-user-gesture-required"],
    )  # fmt: skip
    page = browser.new_page(viewport={"width": 1280, "height": 800})
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
