"""How soon both pages show a stop: `python -m bench.pages.reaction [--stops 40] [--out FILE]`.

For each stop the time from guard's decision (its own stamp) to the change of the words on the page,
noted by a MutationObserver; then, with the gateway stopped by SIGSTOP, the time to each page's own
alarm. The demo runs with widened latency limits, which do not change the path from guard to page.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.pages.browser import data, launch
from bench.pages.demo import LIGHT, Demo, wait_for
from bench.pages.people import Session, join
from bench.pages.watch import PageClock, install, page_clock, seen
from safety.states import State
from transport.local import clock
from transport.percentile import of_sorted

MOVING = ("ACTIVE", "DEGRADED")
LIMIT_MS = {"stop": 100.0, "path": 500.0, "return": 100.0}
"""A reason is shown within 100 ms of the stop where the page's path stands, else the page's own
within 500 ms; the recorded cause within 100 ms of the path's return."""


@dataclass
class Reactions:
    """Milliseconds, one list per page and kind."""

    clock_error_ms: dict[str, float] = field(default_factory=dict)
    samples_ms: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, page: str, value_ms: float) -> None:
        """Keep one sample."""
        self.samples_ms.setdefault(f"{kind} {page}", []).append(value_ms)


@dataclass(frozen=True, slots=True)
class Watched:
    """One page with its clock."""

    name: str
    page: Page
    clock: PageClock


def _first(watched: Watched, since_ns: int, **want: str) -> int | None:
    """When the page first showed `want` (state, cause or path) at or after `since_ns`."""
    slack_ns = watched.clock.error_ns
    for shown in seen(watched.page, watched.clock):
        right = all(getattr(shown, name) == value for name, value in want.items())
        if right and shown.at_ns >= since_ns - slack_ns:
            return shown.at_ns
    return None


def _await(watched: Watched, since_ns: int, **want: str) -> int:
    what = f"{watched.name} shows {want}"
    return int(wait_for(what, lambda: _first(watched, since_ns, **want), 20))


def measure_stop(session: Session, pages: list[Watched], out: Reactions) -> None:
    """The expert lets go: guard decides, both pages say HOLD and why."""
    wait_for("moving", session.moves, 60)
    wait_for(  # else the stop would show nothing new
        "both pages say that it moves", lambda: all(_shown_state(w) in MOVING for w in pages)
    )
    session.release()
    wait_for("HOLD", session.demo.in_state(State.HOLD))
    decided_ns, cause = session.demo.guard.since_ns, session.demo.guard.first_out.name
    for watched in pages:
        shown_ns = _await(watched, decided_ns, state="HOLD", cause=cause)
        out.add("stop", watched.name, (shown_ns - decided_ns) / 1e6)


def _shown_state(watched: Watched) -> str:
    return str(data(watched.page, "state", "state"))


def measure_path(session: Session, pages: list[Watched], out: Reactions) -> None:
    """The gateway hangs: each page raises its own alarm; then it comes back with the cause."""
    cut_ns = clock.now_ns()
    pid = session.demo.signal("gateway", signal.SIGSTOP)
    try:
        for watched in pages:
            out.add("path", watched.name, (_await(watched, cut_ns, path="lost") - cut_ns) / 1e6)
    finally:
        back_ns = clock.now_ns()
        os.kill(pid, signal.SIGCONT)
    for watched in pages:
        returned_ns = _await(watched, back_ns, path="ok")
        guard = session.demo.guard
        want = {"state": guard.state.name, "cause": guard.first_out.name}
        from_ns = max(returned_ns, guard.since_ns)  # it may have gone on while nobody was told
        out.add("return", watched.name, max(0.0, _told(watched, from_ns, want) / 1e6))


def _told(watched: Watched, returned_ns: int, want: dict[str, str]) -> int:
    """Delay from the path's return to the right words; 0 when they stood there already."""
    rows = [s for s in seen(watched.page, watched.clock) if s.at_ns <= returned_ns]
    if rows and (rows[-1].state, rows[-1].cause) == (want["state"], want["cause"]):
        return 0
    return _await(watched, returned_ns, **want) - returned_ns


def run(stops: int, cuts: int) -> Reactions:
    """The whole measurement with a demo and a browser of its own."""
    out = Reactions()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = Demo(Path(folder), extra=LIGHT)
        chromium = launch(playwright)
        session: Session | None = None
        try:
            demo.start()
            session = join(chromium, demo)
            wait_for("joined", demo.in_state(State.CONNECTED, State.QUALIFIED), 60)
            session.arm()
            pages = [
                Watched(name, page, page_clock(page))
                for name, page in (("console", session.console), ("bedside", session.bedside))
            ]
            for watched in pages:
                install(watched.page)
                out.clock_error_ms[watched.name] = watched.clock.error_ns / 1e6
            for _ in range(stops):
                measure_stop(session, pages, out)
            session.release()
            for _ in range(cuts):
                measure_path(session, pages, out)
        except AssertionError:
            if session is not None:
                sys.stderr.write(session.story() + "\n")
            raise
        finally:
            chromium.close()
            demo.stop()
    return out


def table(out: Reactions) -> tuple[list[str], bool]:
    """Lines to print, and whether every sample is within its limit."""
    lines, good = [], True
    for name, values in sorted(out.samples_ms.items()):
        limit_ms = LIMIT_MS[name.split()[0]]
        good &= max(values) <= limit_ms
        ranks = of_sorted(sorted(values))
        lines.append(
            f"{name:15} n {len(values):3}  p50 {ranks.p50_ms:6.1f}  p95 {ranks.p95_ms:6.1f}  "
            f"max {max(values):6.1f}  limit {limit_ms:5.0f} ms"
        )
    lines.append(f"clock of the pages known to +-{max(out.clock_error_ms.values()):.1f} ms")
    return lines, good


def main() -> int:
    """Command line; exit status 1 when a sample is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0] if __doc__ else "")
    parser.add_argument("--stops", type=int, default=40)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--out", type=Path, help="store every raw sample as JSON")
    chosen = parser.parse_args()
    out = run(chosen.stops, chosen.cuts)
    if chosen.out:
        chosen.out.write_text(json.dumps(asdict(out), indent=1), "utf-8")
    lines, good = table(out)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
