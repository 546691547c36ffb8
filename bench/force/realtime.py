"""The real-time case: breathing and scan in the real processes, beside the same on the clock."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.force import hands, measure
from bench.force.measure import PRESSING, Floats, Row
from bench.force.processes import START_S, Processes
from bench.force.scenarios import LAND_S, SETTLE_S, land, patient_of, rig_of
from bench.force.scenarios import START_S as HAND_START_S
from bench.force.spec import Spec
from bench.kit.bench import BenchError
from bench.kit.model import Figure, Measured, Series
from safety.states import ContactState
from transport.local.lateness import between, percentiles_us, unpacked
from transport.local.timing import LoopTiming

MEAN_S = 0.02
"""Both sides are judged by the arm's own sensor (noise 0.05 N), averaged over this."""
SHARES = (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))


def real_time(spec: Spec) -> Measured:
    """Measure the real processes, then the virtual clock; the same figures of both."""
    with tempfile.TemporaryDirectory(prefix="teleop-force-") as folder:
        figures, series, notes = _processes(spec, Path(folder))
    rig = rig_of(spec)
    try:
        land(rig, spec)
        rig.run(SETTLE_S)
        rig.start_hand(hands.scan(spec.scan_m_s))
        rig.run(HAND_START_S)
        start = len(rig.history)
        rig.run(spec.seconds)
    finally:
        rig.close()
    figures += _figures("virtual clock: ", rig.history[start:], spec)
    series += (_series("virtual clock", rig.history[start:], spec.control_hz),)
    return Measured(figures, series, (), notes)


def _processes(
    spec: Spec, folder: Path
) -> tuple[tuple[Figure, ...], tuple[Series, ...], tuple[str, ...]]:
    site = Processes(spec, patient_of(spec), folder)
    try:
        site.order(force_ref_n=spec.reference_n)
        if not site.until(ContactState.TOUCH, START_S + LAND_S):
            raise BenchError("the probe did not find the patient")
        site.run(SETTLE_S)
        site.start_hand(hands.scan(spec.scan_m_s))
        site.run(HAND_START_S)
        start, before = site.cycles, site.timing()
        site.run(spec.seconds)
        after = site.timing()
        site.decode()
    finally:
        site.close()
    rows = site.history[start:]
    figures = _figures("", rows, spec)
    for name in before:
        figures += _loop_figures(name, before[name], after[name])
    late_ms = tuple(report.lateness_us / 1e3 for _, _, report in rows)
    series = (
        _series("force", rows, spec.control_hz),
        Series("servo late", "ms", late_ms),
    )
    rights = ", ".join(f"{n} {'FIFO' if t.fifo else 'normal priority'}" for n, t in after.items())
    return figures, series, (f"rights: {rights}", f"cycles not logged in time: {site.lost}")


def _figures(prefix: str, rows: Sequence[Row], spec: Spec) -> tuple[Figure, ...]:
    error = _smooth(rows, spec.control_hz) - spec.reference_n
    lost = 100.0 * sum(r.contact not in PRESSING for _, _, r in rows) / len(rows)
    count = len(error)
    return (
        Figure(f"{prefix}force error rms", "N", measure.rms(error), count),
        Figure(f"{prefix}force error peak", "N", float(np.abs(error).max()), count),
        Figure(f"{prefix}contact lost", "%", lost, count),
    )


def _smooth(rows: Sequence[Row], hz: int) -> Floats:
    """The sensor's axial force, averaged."""
    width = max(1, round(MEAN_S * hz))
    force = np.array([arm.force_n[2] for _, arm, _ in rows])
    return np.convolve(force, np.full(width, 1.0 / width), "valid")


def _series(name: str, rows: Sequence[Row], hz: int) -> Series:
    step = max(1, hz // measure.PLOT_HZ)
    force = _smooth(rows, hz)[::step].tolist()
    at_s = tuple((rows[i * step][0] - rows[0][0]) / 1e9 for i in range(len(force)))
    return Series(name, "N", tuple(force), at_s, headline=True)


def _loop_figures(name: str, before: LoopTiming, after: LoopTiming) -> tuple[Figure, ...]:
    counts = between(unpacked(after.late_counts), unpacked(before.late_counts))
    total = sum(counts)
    late_us = percentiles_us(counts, [share for _, share in SHARES])
    return (
        *(Figure(f"{name} late {label}", "ms", us / 1e3, total)
          for (label, _), us in zip(SHARES, late_us, strict=True)),
        Figure(f"{name} late max since its start", "ms", after.late_max_us / 1e3),
        Figure(f"{name} work p99", "ms", after.busy_p99_us / 1e3),
        Figure(f"{name} skipped cycles", "", after.overruns - before.overruns, total),
    )  # fmt: skip
