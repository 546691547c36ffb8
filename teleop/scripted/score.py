"""Judges a scripted scan from what the expert's end received: figures, criteria, success.

Everything is measured from telemetry and pictures, as a person at the console could.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from safety.states import Cause, ContactState, State
from teleop.scripted.persons import ENGAGED, Phase

CONTACT_SHARE_MIN = 0.95
"""Contact held 95 % of the scan (issue 2)."""
FORCE_ERROR_MAX_N = 1.0
"""Force within 1 N of the reference after settling (issue 2)."""
SETTLE_MS = 2000.0
"""After landing and after each engagement (docs/control.md)."""
DRIVEN_SHARE_MIN = 0.5
"""The arm followed the expert for at least half of the scan, or it was no scan."""
FOLLOWED_MIN = 0.5
"""The probe went at least half as far as the hand."""
FPS_MIN = 20.0
"""A live source under 20 frames/s is observe-only (issue 2)."""
PICTURE_CHANGE_MIN = 2.0
"""Grey levels, mean over 32x32-pixel blocks (speckle averages out): the picture follows motion."""
FORCE_BIN_N = 0.005

UNSAFE_CAUSES = frozenset(
    {
        Cause.FORCE_OVER_LIMIT, Cause.FORCE_SENSOR_INVALID, Cause.SPEED_OVER_PERMIT,
        Cause.STANDSTILL_VIOLATED, Cause.SERVO_IGNORES_PERMIT, Cause.BRAKE_FAILED,
        Cause.WORKSPACE, Cause.INTERNAL_ERROR, Cause.GUARD_OVERRUN, Cause.ARM_POWER_LOST,
        Cause.FORCE_RATE_OVER_LIMIT, Cause.CONTACT_POWER_OVER_LIMIT,
    }
)  # fmt: skip
UNSAFE_STATES = frozenset({State.SAFE_STOP, State.ESTOP, State.FAULT})


class Histogram:
    """Counts in bins of fixed width: percentiles of long runs in little memory."""

    def __init__(self, bin_width: float) -> None:
        self._width = bin_width
        self._counts: dict[int, int] = {}
        self.count = 0
        self.maximum = -math.inf
        self._squares = 0.0

    def add(self, value: float) -> None:
        """Count one finite value."""
        if not math.isfinite(value):
            return
        index = math.floor(value / self._width)
        self._counts[index] = self._counts.get(index, 0) + 1
        self.count += 1
        self.maximum = max(self.maximum, value)
        self._squares += value * value

    def percentile(self, percent: float) -> float:
        """Upper edge of the bin that holds the percentile; -1 when empty."""
        rest = percent / 100.0 * self.count
        for index in sorted(self._counts):
            rest -= self._counts[index]
            if rest <= 1e-9:
                return min((index + 1) * self._width, self.maximum)
        return -1.0

    def rms(self) -> float:
        """Root mean square; -1 when empty."""
        return math.sqrt(self._squares / self.count) if self.count else -1.0

    def summary(self) -> dict[str, float]:
        """p50, p95, p99, max and count."""
        out = {f"p{p}": round(self.percentile(p), 3) for p in (50, 95, 99)}
        out["max"] = round(self.maximum, 3) if self.count else -1.0
        return out | {"count": float(self.count)}


@dataclass(frozen=True, slots=True)
class Sample:
    """One telemetry message, as far as the score needs it."""

    stamp_us: int
    state: State
    first_out: Cause
    causes: int
    contact: ContactState
    force_n: float
    force_ref_n: float
    loop_ms: float
    age_ms: float
    probe_p_m: tuple[float, float, float]
    clamps: int
    servo_lateness_us: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of the verdict."""

    name: str
    value: float
    limit: float
    ok: bool


@dataclass(slots=True)
class Stop:
    """A time in which the expert did not drive during the scan."""

    cause: str
    state: str
    at_s: float
    lasted_s: float = 0.0


@dataclass(slots=True)
class Score:
    """Collects samples; `result` judges them."""

    _last: Sample | None = None
    _last_us: int = 0
    _first_us: int = 0
    _settled_ms: float = 0.0
    scan_s: float = 0.0
    contact_s: float = 0.0
    driven_s: float = 0.0
    scanned_m: float = 0.0
    peak_force_n: float = 0.0
    samples: int = 0
    unsafe: list[str] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    state_s: dict[str, float] = field(default_factory=dict)
    cause_counts: dict[str, int] = field(default_factory=dict)
    clamp_samples: int = 0
    force_error: Histogram = field(default_factory=lambda: Histogram(FORCE_BIN_N))
    loop: Histogram = field(default_factory=lambda: Histogram(0.1))
    age: Histogram = field(default_factory=lambda: Histogram(0.1))
    lateness: Histogram = field(default_factory=lambda: Histogram(10.0))

    def add(self, sample: Sample, phase: Phase) -> None:
        """Take one telemetry message, in order."""
        if self._last is None:
            self._first_us = self._last_us = sample.stamp_us
        # A gap in telemetry is not knowledge: at most 100 ms are credited to a state.
        dt_s = min(max(0.0, (sample.stamp_us - self._last_us) / 1e6), 0.1)
        self.samples += 1
        name = sample.state.name
        self.state_s[name] = self.state_s.get(name, 0.0) + dt_s
        self.lateness.add(sample.servo_lateness_us)
        if math.isfinite(sample.force_n):
            self.peak_force_n = max(self.peak_force_n, sample.force_n)
        self._note_unsafe(sample)
        if phase == Phase.SCAN:
            self._add_scan(sample, dt_s)
        self._note_stop(sample, dt_s, phase)
        self._last, self._last_us = sample, sample.stamp_us

    def _add_scan(self, sample: Sample, dt_s: float) -> None:
        pressed = sample.contact in (ContactState.TOUCH, ContactState.PRESS)
        engaged = sample.state in ENGAGED
        self.scan_s += dt_s
        self.contact_s += dt_s if pressed else 0.0
        self.driven_s += dt_s if engaged else 0.0
        self.clamp_samples += sample.clamps != 0
        if self._last is not None and pressed:
            step_m = math.dist(sample.probe_p_m[:2], self._last.probe_p_m[:2])
            self.scanned_m += step_m if step_m < 0.01 else 0.0
        regulated = engaged and sample.contact == ContactState.PRESS
        self._settled_ms = self._settled_ms + dt_s * 1e3 if regulated else 0.0
        if self._settled_ms > SETTLE_MS:
            self.force_error.add(abs(sample.force_n - sample.force_ref_n))
        if engaged:
            self.loop.add(sample.loop_ms)
            self.age.add(sample.age_ms)

    def _note_unsafe(self, sample: Sample) -> None:
        found = [c.name for c in UNSAFE_CAUSES if sample.causes >> c & 1]
        found += [sample.state.name] if sample.state in UNSAFE_STATES else []
        self.unsafe += sorted(set(found) - set(self.unsafe))

    def _note_stop(self, sample: Sample, dt_s: float, phase: Phase) -> None:
        """Count each time a scan in progress stopped, with its first-out cause."""
        was = self._last is not None and self._last.state in ENGAGED
        stopped = sample.state not in ENGAGED
        if stopped and was and phase not in (Phase.WAIT, Phase.DONE):
            at_s = (sample.stamp_us - self._first_us) / 1e6
            cause = sample.first_out.name
            self.stops.append(Stop(cause, sample.state.name, round(at_s, 3)))
            self.cause_counts[cause] = self.cause_counts.get(cause, 0) + 1
        elif stopped and self.stops and phase != Phase.DONE:
            self.stops[-1].lasted_s = round(self.stops[-1].lasted_s + dt_s, 3)

    def criteria(self, hand_m: float, fps: float, picture_change: float) -> list[Criterion]:
        """The verdict, line by line."""
        scan_s = max(self.scan_s, 1e-9)
        contact, driven = self.contact_s / scan_s, self.driven_s / scan_s
        error_n = self.force_error.percentile(99) if self.force_error.count else math.inf
        followed = self.scanned_m / hand_m if hand_m > 0 else 0.0
        rows = (
            ("scan_s", self.scan_s, 5.0, self.scan_s >= 5.0),
            ("contact_share", contact, CONTACT_SHARE_MIN, contact >= CONTACT_SHARE_MIN),
            ("force_error_p99_n", error_n, FORCE_ERROR_MAX_N, error_n <= FORCE_ERROR_MAX_N),
            ("unsafe_events", float(len(self.unsafe)), 0.0, not self.unsafe),
            ("driven_share", driven, DRIVEN_SHARE_MIN, driven >= DRIVEN_SHARE_MIN),
            ("followed_share", followed, FOLLOWED_MIN, followed >= FOLLOWED_MIN),
            ("frames_per_s", fps, FPS_MIN, fps >= FPS_MIN),
            ("picture_change_grey", picture_change, PICTURE_CHANGE_MIN,
             picture_change >= PICTURE_CHANGE_MIN),
        )  # fmt: skip
        return [Criterion(name, _plain(value), limit, ok) for name, value, limit, ok in rows]

    def measured(self) -> dict[str, Any]:
        """All figures, JSON-ready."""
        total_s = max(sum(self.state_s.values()), 1e-9)
        return {
            "scan_s": round(self.scan_s, 2),
            "contact_share": round(self.contact_s / max(self.scan_s, 1e-9), 4),
            "driven_share": round(self.driven_s / max(self.scan_s, 1e-9), 4),
            "scanned_mm": round(self.scanned_m * 1e3, 1),
            "force_error_n": self.force_error.summary() | {"rms": round(self.force_error.rms(), 3)},
            "peak_force_n": round(self.peak_force_n, 2),
            "loop_ms": self.loop.summary(),
            "command_age_ms": self.age.summary(),
            "servo_lateness_us": self.lateness.summary(),
            "state_share": {k: round(v / total_s, 4) for k, v in sorted(self.state_s.items())},
            "holds": len(self.stops),
            "hold_causes": dict(sorted(self.cause_counts.items())),
            "stops": [asdict(stop) for stop in self.stops[:50]],
            "unsafe_events": list(self.unsafe),
            "clamped_share": round(self.clamp_samples / max(self.samples, 1), 4),
            "telemetry_samples": self.samples,
        }


def _plain(value: float) -> float:
    """JSON knows no infinity: an unmeasured value is -1."""
    return round(value, 4) if math.isfinite(value) else -1.0
