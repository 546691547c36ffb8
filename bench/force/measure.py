"""Figures and time series of a span of the closed loop."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.force.rig import Rig
from bench.kit.model import Band, Figure, Series
from haptics.vec import Vec, apply_transposed, from_quat, sub
from safety.messages import ArmState, ServoReport
from safety.states import ContactState

Floats = NDArray[np.float64]
SETTLED_SHARE = 0.05
"""Settled: within this part of the reference, and staying there."""
AUDIBLE_HZ = 100.0
"""Above it nothing of breathing, scanning or the force loop moves: what is there is oscillation."""
PLOT_HZ = 100
PRESSING = (ContactState.TOUCH, ContactState.PRESS)
Row = tuple[int, ArmState, ServoReport]
"""One cycle: time (ns), what the arm measured, what servo reported."""


def rms(values: Floats) -> float:
    """Root mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(values * values))) if len(values) else math.nan


def rms_above(values: Floats, hz: float, rate_hz: float) -> float:
    """Rms of the part of `values` above `hz` (Parseval)."""
    spectrum = np.abs(np.fft.rfft(values - values.mean()))
    high = spectrum[np.fft.rfftfreq(len(values), 1.0 / rate_hz) > hz]
    return float(math.sqrt(2.0 * float(np.sum(high * high))) / len(values))


def force_figures(rig: Rig, start: int, reference_n: float) -> tuple[Figure, ...]:
    """How well the force was kept since cycle `start`."""
    force = np.array(rig.axial_n[start:])
    error = force - reference_n
    count = len(force)
    lost = sum(r.contact not in PRESSING for _, _, r in rig.history[start:])
    return (
        Figure("force error rms", "N", rms(error), count),
        Figure("force error bias", "N", float(error.mean()), count),
        Figure("force error peak", "N", float(np.abs(error).max()), count),
        Figure("contact lost", "%", 100.0 * lost / count, count),
        Figure("force rms above 100 Hz", "N", rms_above(force, AUDIBLE_HZ, rig.hz), count),
        Figure("k_hat", "N/m", rig.history[-1][2].stiffness_n_m),
    )


def touch_figures(rig: Rig, touched: int, reference_n: float) -> tuple[Figure, ...]:
    """The landing that began (touch detected) at cycle `touched`."""
    force = np.array(rig.axial_n[touched:])
    outside = np.nonzero(np.abs(force - reference_n) > SETTLED_SHARE * reference_n)[0]
    settle_s = (int(outside[-1]) + 1) / rig.hz if len(outside) else 0.0
    first = next(i for i, f in enumerate(rig.axial_n) if f > 0.0)
    return (
        Figure("overshoot", "%", 100.0 * max(0.0, float(force.max()) / reference_n - 1.0)),
        Figure("settling time", "s", settle_s if settle_s < len(force) / rig.hz else None),
        Figure("first contact to touch", "s", (touched - first) / rig.hz),
    )


def tangential_mm(rig: Rig, start: int, home: Vec, turned: Vec) -> Floats:
    """Distance (mm) across the axis of probe and hand in each cycle since `start`.

    `home` is where the probe was when the hand began to move, `turned` its orientation.
    """
    rot = from_quat(turned)
    out = []
    assert rig.hand is not None
    for now_ns, arm, _ in rig.history[start:]:
        hand = rig.hand((now_ns - rig.hand_from_ns) / 1e9)[0]
        moved = apply_transposed(rot, sub(arm.base_p_probe_m, home))
        out.append(1e3 * math.hypot(moved[0] - hand[0], moved[1] - hand[1]))
    return np.array(out)


def trace(rig: Rig, start: int, reference_n: float) -> tuple[Series, ...]:
    """Time series for the page, thinned to `PLOT_HZ`."""
    step = max(1, rig.hz // PLOT_HZ)
    rows = range(start, len(rig.history), step)
    at = tuple((rig.history[i][0] - rig.history[start][0]) / 1e9 for i in rows)

    def series(name: str, unit: str, values: Sequence[float], headline: bool = False) -> Series:
        line = reference_n if unit == "N" else None
        return Series(name, unit, tuple(values), at, line_at=line, headline=headline)

    return (
        series("force", "N", [rig.axial_n[i] for i in rows], headline=True),
        series("force measured", "N", [rig.history[i][1].force_n[2] for i in rows]),
        series("reference", "N", [rig.history[i][2].force_ref_n for i in rows]),
        series("k_hat", "N/m", [rig.history[i][2].stiffness_n_m for i in rows]),
    )


def bands(rig: Rig, start: int) -> tuple[Band, ...]:
    """Contact states over time."""
    out: list[Band] = []
    origin = rig.history[start][0]
    begun, state = origin, rig.history[start][2].contact
    for now_ns, _, report in rig.history[start:]:
        if report.contact is not state:
            out.append(_band(state, begun - origin, now_ns - origin))
            begun, state = now_ns, report.contact
    out.append(_band(state, begun - origin, rig.history[-1][0] - origin))
    return tuple(out)


def _band(state: ContactState, start_ns: int, end_ns: int) -> Band:
    return Band("contact", state.name, start_ns / 1e9, end_ns / 1e9)
