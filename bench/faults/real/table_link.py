"""Faults of a real link: both pages behind an emulated network whose profile changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.faults.model import HELD, LATCHED, Fault, Follows
from bench.faults.real.rig import Rig
from bench.faults.real.row import People, RealFault, goes_on, must
from bench.faults.table_link import LATE, LINK
from bench.links.profiles import WIRED
from safety.states import Cause
from transport.impair import DEAD, LinkProfile

CAUSES = LATE | LINK | {Cause.BEDSIDE_PAGE_LOST}
RAMP = replace(WIRED, course_ms=((0.0, 0.0), (2000.0, 100.0)))
LATER = replace(WIRED, delay_ms=50.0)


def _stops(name: str, detect_ms: float, stop_ms: float) -> Fault:
    return must(f"{name}, pages", HELD | LATCHED, CAUSES, detect_ms, stop_ms)


def _chance(name: str) -> Fault:
    """Depends on chance, and on what the browser's video makes of it."""
    return replace(goes_on(f"{name}, pages", 5.0), follows=Follows.OPEN)


def _broken(up: LinkProfile, down: LinkProfile) -> Callable[[Rig], None]:
    return lambda rig: rig.where.break_link(up, down)


def _mend(rig: Rig) -> None:
    rig.where.break_link(WIRED, WIRED)


def _row(fault: Fault, up: LinkProfile, down: LinkProfile | None = None) -> RealFault:
    """`down` None: the same both ways."""
    return RealFault(fault, _broken(up, up if down is None else down), People.PAGES, _mend)


LINKS: tuple[RealFault, ...] = (
    _row(_stops("link cut, up", 51, 100), DEAD, WIRED),
    _row(_stops("link cut, down (half-open)", 51, 110), WIRED, DEAD),
    _row(_stops("delay step +50 ms each way", 60, 110), LATER),
    _row(_stops("delay ramp 50 ms/s each way", 1000, 1060), RAMP),
    _row(_stops("asymmetric delay, 50 ms up", 300, 360), LATER, WIRED),
    _row(_chance("burst loss, 5 packets, 10 %"), replace(WIRED, loss=0.10, burst=5.0)),
    _row(_chance("jitter 15 ms"), replace(WIRED, jitter_ms=15.0)),
    _row(_chance("reordering 30 %, 12 ms"), replace(WIRED, reorder=0.3, reorder_ms=12.0)),
    _row(_chance("duplicates 50 %"), replace(WIRED, duplicate=0.5)),
    _row(_chance("corruption 1 %"), replace(WIRED, corrupt=0.01)),
)
