"""What an emulator says about itself: packets, losses by cause, and its own lateness."""

from __future__ import annotations

import msgspec


class LaneReport(msgspec.Struct, frozen=True):
    """One direction of one link."""

    link: int
    direction: str
    """`up` (console to robot) or `down`."""
    sent: int
    passed: int
    passed_bytes: int
    drops: dict[str, int]
    """By cause, as `transport.impair.Drop`."""
    unsent: int
    """Refused by the operating system when they were due."""
    late_p50_us: float
    late_p99_us: float
    late_p999_us: float
    late_max_us: float


class EmulatorReport(msgspec.Struct, frozen=True):
    """All lanes; times are how much later than due the emulator itself sent."""

    scenario: str
    seed: int
    kind: str
    """`bridge` (network namespaces) or `relay` (UDP ports)."""
    fifo: bool
    """SCHED_FIFO was granted."""
    stray: int
    """Packets that belong to no link (other networks, address discovery): never passed."""
    lanes: tuple[LaneReport, ...]


def text(report: EmulatorReport) -> str:
    """A small table for the terminal."""
    right = "SCHED_FIFO" if report.fifo else "normal priority: timing is less sure"
    lines = [
        f"{report.kind} {report.scenario!r}, seed {report.seed}, {right}",
        f"{'link':6} {'sent':>8} {'passed':>8} {'lost':>7} "
        f"{'late p50':>9} {'p99':>7} {'p99.9':>7} {'max us':>8}  why lost",
    ]
    for lane in report.lanes:
        lost = sum(lane.drops.values())
        share = 100.0 * lost / lane.sent if lane.sent else 0.0
        why = ", ".join(f"{cause} {count}" for cause, count in sorted(lane.drops.items()))
        lines.append(
            f"{lane.link} {lane.direction:4} {lane.sent:8} {lane.passed:8} {share:6.2f}% "
            f"{lane.late_p50_us:9.0f} {lane.late_p99_us:7.0f} {lane.late_p999_us:7.0f} "
            f"{lane.late_max_us:8.0f}  {why}"
        )
    return "\n".join(lines) + "\n"
