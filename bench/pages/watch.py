"""Notes in the page when it shows something new, on the machine's monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

from transport.local import clock

_INSTALL = """() => {
  window.__shown = [];
  const note = () => window.__shown.push([
    performance.now(),
    document.getElementById('state').dataset.state,
    document.getElementById('cause').dataset.cause,
    document.getElementById('path-alarm').dataset.path]);
  for (const id of ['state', 'cause', 'path-alarm'])
    new MutationObserver(note).observe(document.getElementById(id), {attributes: true});
  note();
}"""
BRACKETS = 60
"""Clock comparisons; the tightest is used."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page showed from `at_ns` on."""

    at_ns: int
    state: str
    cause: str
    path: str


@dataclass(frozen=True, slots=True)
class PageClock:
    """Monotonic time of the page's `performance.now()` = 0, and how far it may be off."""

    origin_ns: int
    error_ns: int


def page_clock(page: Page) -> PageClock:
    """Bracket `performance.now()` by two readings of our clock; keep the tightest bracket."""
    found: list[tuple[int, int]] = []
    for _ in range(BRACKETS):
        before_ns = clock.now_ns()
        page_ms = float(page.evaluate("performance.now()"))
        after_ns = clock.now_ns()
        found.append((after_ns - before_ns, (before_ns + after_ns) // 2 - int(page_ms * 1e6)))
    width_ns, origin_ns = min(found)
    return PageClock(origin_ns, width_ns // 2)


def install(page: Page) -> None:
    """Begin to note (also after a reload)."""
    page.evaluate(_INSTALL)


def seen(page: Page, since: PageClock) -> list[Shown]:
    """Everything the page has shown since `install`."""
    rows = page.evaluate("window.__shown")
    return [Shown(since.origin_ns + int(row[0] * 1e6), *map(str, row[1:])) for row in rows]
