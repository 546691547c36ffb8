"""The two pages in a real Chromium, in two windows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
]


def launch(playwright: Playwright) -> Browser:
    """A headless Chromium of the distribution."""
    return playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGUMENTS)


def open_page(browser: Browser, url: str, width: int, height: int) -> Page:
    """A page in its own context: two devices, two keys, both visible."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        ignore_https_errors=True,  # the demo's own certificate; the demo prints its fingerprint
    )
    page = context.new_page()
    found: list[str] = []
    setattr(page, "problems", found)  # noqa: B010 (the page object carries its own log)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto(url)
    return page


def data(page: Page, element: str, name: str) -> Any:
    """A data attribute of an element."""
    return page.locator(f"#{element}").get_attribute(f"data-{name}")


def picture_sum(page: Page) -> list[int]:
    """Coarse content of the live picture: 8 x 6 block sums of luma."""
    sums: list[int] = page.evaluate(
        """() => {
          const v = document.getElementById('video');
          const c = new OffscreenCanvas(64, 48), g = c.getContext('2d');
          g.drawImage(v, 0, 0, 64, 48);
          const d = g.getImageData(0, 0, 64, 48).data, out = new Array(48).fill(0);
          for (let y = 0; y < 48; y++) for (let x = 0; x < 64; x++)
            out[(y >> 3) * 8 + (x >> 3)] += d[(y * 64 + x) * 4];
          return out;
        }"""
    )
    return sums


def screenshot(page: Page, folder: Path | None, name: str) -> None:
    """Keep a picture of a page for the docs when a folder is named."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(folder / f"{name}.png"))
