"""Figures of many punctures: success, error, touches, pops, time."""

from __future__ import annotations

from collections.abc import Sequence

from bench.kit.model import Figure, Measured, Series
from bench.needle.outcome import CLOSE_M, SUCCESS_M, Outcome


def measured(outcomes: Sequence[Outcome]) -> Measured:
    """Everything that is shown of a cohort; the raw error of each patient is kept."""
    count = len(outcomes)
    errors = tuple(round(o.error_m * 1e3, 4) for o in outcomes)

    def share(good: Sequence[bool]) -> float:
        return 100.0 * sum(good) / count

    names = ("along", "in plane", "off plane")
    parts = tuple(
        Series(f"error {name}", "mm", tuple(round(o.parts_m[i] * 1e3, 4) for o in outcomes))
        for i, name in enumerate(names)
    )
    membranes = sum(o.membranes for o in outcomes)
    late = [o.pop_late_ms for o in outcomes]
    figures = (
        _figure("first-attempt success", "%", share([_hit(o, SUCCESS_M) for o in outcomes]), count),
        _figure("within 2.5 mm", "%", share([_hit(o, CLOSE_M) for o in outcomes]), count),
        _figure("mean tip error", "mm", sum(errors) / count, count),
        _figure("largest tip error", "mm", max(errors), count),
        _figure("vessel or bone touched", "patients",
                sum(bool(o.touched) for o in outcomes), count),
        _figure("ordered forward on a stale picture", "steps",
                sum(o.stale_advance for o in outcomes), count),
        _figure("punctures missed", "%", 100.0 * _missed(outcomes) / max(1, membranes), membranes),
        _figure("false punctures", "per 100", 100.0 * sum(o.false_pops for o in outcomes) / count,
                count),
        _figure("puncture noticed after", "ms", max(late), membranes),
        _figure("peak axial force", "N", max(o.peak_n for o in outcomes), count),
        _figure("holds", "per puncture", sum(o.holds - 1 for o in outcomes) / count, count),
        _figure("mean time", "s", sum(o.seconds for o in outcomes) / count, count),
    )  # fmt: skip
    return Measured(
        figures=figures,
        series=(Series("tip error", "mm", errors, line_at=5.0, headline=True), *parts),
    )


def after_cut(outcomes: Sequence[Outcome]) -> Measured:
    """What the needle did after the link was cut for good."""
    ways = tuple(round(o.after_cut_m * 1e3, 5) for o in outcomes)
    return Measured(
        figures=(_figure("needle moved after the cut", "mm", max(ways), len(ways)),),
        series=(Series("way after the cut", "mm", ways, line_at=0.5, headline=True),),
    )


def _hit(o: Outcome, radius_m: float) -> bool:
    return o.finished and o.error_m <= radius_m


def _missed(outcomes: Sequence[Outcome]) -> int:
    return sum(max(0, o.membranes - (o.pops - o.false_pops)) for o in outcomes)


def _figure(name: str, unit: str, value: float, count: int) -> Figure:
    return Figure(name, unit, round(float(value), 4), count)
