"""Targets of the fault bench (issue 5; IEC 61508 style bounds follow from the counts)."""

from __future__ import annotations

from bench.faults.outages import MEANS_MS
from bench.faults.real.cases import key_of
from bench.faults.real.table import REAL
from bench.kit.model import Group, Target


def _none(what: str, case: str, figure: str) -> Target:
    return Target(Group.SAFETY, what, case, figure, "<=", 0.0, "")


def _limit(fault: str, group: str, figure: str, limit: float, unit: str) -> Target:
    what = f"{fault}: {figure}"
    return Target(Group.SAFETY, what, f"single-{group}", f"{fault}: {figure} max", "<=", limit,
                  unit)  # fmt: skip


def _stop(fault: str, group: str, detect_ms: float, stop_ms: float) -> tuple[Target, ...]:
    return (
        _limit(fault, group, "detection", detect_ms, "ms"),
        _limit(fault, group, "standstill", stop_ms, "ms"),
        _limit(fault, group, "path", 2.5, "mm"),
        _limit(fault, group, "added force", 1.0, "N"),
    )


def _real() -> tuple[Target, ...]:
    """Every real fault within its limits; a flood that changes nothing; reasons on both pages."""
    rows: list[Target] = []
    for row in REAL:
        key = key_of(row.must.name)
        rows.append(_none(f"{row.must.name}, real processes", key, "out of limits"))
        if row.must.name.startswith("flood"):
            rows.append(Target(Group.SAFETY, f"{row.must.name}: age p99", key, "age p99 worse by",
                               "<=", 2.0, "ms"))  # fmt: skip
    own, shown = "own reason", "reason shown"
    for name, what, limit in (("link cut for 3 s, pages", own, 500.0),
                              ("gateway stopped (SIGSTOP), pages", own, 500.0),
                              ("bedside key, pages", shown, 100.0)):  # fmt: skip
        for page in ("console", "bedside"):
            rows.append(Target(Group.SAFETY, f"{name}: {page}, {what}", key_of(name),
                               f"{page}: {what} max", "<=", limit, "ms"))  # fmt: skip
    rows.append(Target(Group.SAFETY, "link back to ready to arm, real processes",
                       key_of("link cut for 3 s, pages"), "link back to ready to arm max", "<=",
                       10.0, "s"))  # fmt: skip
    return tuple(rows)


CYCLE_MS = 2.0
"""The default of 500 Hz; one cycle passes between what happens and the step that looks."""
TARGETS: tuple[Target, ...] = (
    _none("single faults: missed detections", "single-*", "missed detections"),
    _none("single faults: invariants broken", "single-*", "invariants broken"),
    _none("single faults: out of limits", "single-*", "out of limits"),
    _none("pairs: missed detections", "pairs-*", "missed detections"),
    _none("pairs: invariants broken", "pairs-*", "invariants broken"),
    _none("pairs: out of limits", "pairs-*", "out of limits"),
    _none("soak: missed detections", "soak-*", "missed detections"),
    _none("soak: invariants broken", "soak-*", "invariants broken"),
    _none("soak: out of limits", "soak-*", "out of limits"),
    Target(Group.SAFETY, "contact force under any single fault", "single-*", "peak force max",
           "<=", 25.0, "N"),
    *_stop("link cut, both ways", "link", 51.0 + CYCLE_MS, 100.0),
    *_stop("link cut, up", "link", 51.0 + CYCLE_MS, 100.0),
    *_stop("link cut, down", "link", 51.0 + CYCLE_MS, 100.0),
    *_stop("servo killed", "process", 21.0 + CYCLE_MS, 60.0)[:3],
    *(_limit(name, "process", "added until standstill", 1.0, "N")
      for name in ("servo killed", "servo stalls for 100 ms", "guard stopped for good")),
    _limit("emergency stop, page", "people", "added until standstill", 1.0, "N"),
    Target(Group.SAFETY, "braked in contact: added until standstill", "braked",
           "added until standstill max", "<=", 1.0, "N"),
    _none("braked in contact: later force above its bound", "braked", "above its bound"),
    Target(Group.SAFETY, "braked in contact, breathing: force", "braked",
           "later, breathing: force max", "<=", 25.0, "N"),
    *_stop("gateway killed", "process", 51.0 + CYCLE_MS, 100.0),
    _limit("guard stopped for good", "process", "brakes", 22.0 + CYCLE_MS, "ms"),
    _limit("guard stopped for good", "process", "standstill", 60.0, "ms"),
    _limit("servo keeps sending after a release", "arm", "detection", 52.0, "ms"),
    _limit("servo keeps sending after a release", "arm", "standstill", 100.0, "ms"),
    _limit("brakes fail at an emergency stop", "arm", "standstill", 120.0, "ms"),
    *_stop("bedside stop, key", "people", 20.0, 60.0),
    Target(Group.SAFETY, "bedside stop in every state, within 20 ms", "bedside-stop",
           "effective within 20 ms", ">=", 100.0, "%"),
    Target(Group.SAFETY, "from a 3 s outage's end to ready to arm", "return",
           "link back to ready to arm max", "<=", 10.0, "s"),
    *(Target(Group.SAFETY, f"two links, each 0.01 % gone, {mean_ms:g} ms at a time: {what}",
             "outages-*", f"2 links, 0.01 % gone, {mean_ms:g} ms at a time: {what} at most", "<=",
             1.0, "")
      for mean_ms in MEANS_MS for what in ("HOLD per hour", "SAFE_STOP per 100 h")),
    *_real(),
    _none("attack frames accepted", "attack", "attack frames accepted"),
    _none("genuine frames refused under attack", "attack", "genuine frames refused"),
)  # fmt: skip
