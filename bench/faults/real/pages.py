"""What both pages showed, and when; and the way back after an outage."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

from bench.faults.real.rig import Rig
from bench.faults.watch import Change
from bench.kit.model import Figure
from bench.pages.demo import wait_for
from bench.pages.people import Session
from bench.pages.watch import PageClock, Shown, page_clock, seen
from bench.pages.watch import install as observe
from safety.states import State, Step
from transport.local import clock

SHOWN_S = 1.0
BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One page with its clock."""

    name: str
    page: Page
    clock: PageClock


def install(rig: Rig) -> list[Watched]:
    """Begin to note what the pages show; empty: there are none."""
    if rig.session is None:
        return []
    both = (("console", rig.session.console), ("bedside", rig.session.bedside))
    found = [Watched(name, page, page_clock(page)) for name, page in both]
    for watched in found:
        observe(watched.page)
    return found


def reaction(
    rig: Rig, watched: list[Watched], changes: list[Change], start_ns: int
) -> tuple[Figure, ...]:
    """For each page: from guard's decision to the reason, or from the fault to its own reason."""
    if not watched:
        return ()
    rig.sampler.run_for(SHOWN_S)
    stop = next((c for c in changes if c.state in (State.HOLD, State.SAFE_STOP)), None)
    out = []
    for each in watched:
        rows = [s for s in seen(each.page, each.clock) if s.at_ns >= start_ns - each.clock.error_ns]
        out += _delays(each.name, rows, stop, start_ns)
    return tuple(out)


def _delays(name: str, rows: list[Shown], stop: Change | None, start_ns: int) -> list[Figure]:
    lost = next((s for s in rows if s.path == "lost"), None)
    if lost is not None:
        return [Figure(f"{name}: own reason", "ms", (lost.at_ns - start_ns) / 1e6)]
    right = None
    if stop is not None:
        right = next((s for s in rows if (s.state, s.cause) ==
                      (stop.state.name, stop.first_out.name)), None)  # fmt: skip
    if stop is None or right is None:
        return [Figure(f"{name}: reason shown", "ms", None)]
    return [Figure(f"{name}: reason shown", "ms", max(0.0, (right.at_ns - stop.at_ns) / 1e6))]


def way_back(rig: Rig, fault: str, back_ns: int) -> tuple[Figure, ...]:
    """After a cut link: from its return until the bedside may allow motion."""
    session = rig.session
    if session is None or not fault.startswith("link"):
        return ()
    session.release()
    try:
        wait_for("ready to arm", lambda: _ready(session), BACK_S)
    except AssertionError:  # it takes longer than anybody waits: shown as never
        return (Figure("link back to ready to arm", "s", None),)
    return (Figure("link back to ready to arm", "s", (clock.now_ns() - back_ns) / 1e9),)


def _ready(session: Session) -> bool:
    """The expert does what the page asks for; True: it is the bedside's turn."""
    step = session.demo.guard.step
    if step == Step.ACKNOWLEDGE and session.console.locator("#acknowledge").is_visible():
        session.console.locator("#acknowledge").click(timeout=1000)
    elif step == Step.READ_MARK:
        session.answer_mark()
    return step == Step.ALLOW_MOTION
