"""What a hand at the handle felt: figures, criteria and verdict of a session (pure).

Collected from what the console itself knows, 200 times a second, so that a person with a real
handle gets the same figures as the simulated one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from haptics.bilateral.choice import Coupling
from safety.states import Cause, State
from teleop.console.messages import HandSide
from teleop.scripted.persons import ENGAGED
from teleop.scripted.score import UNSAFE_CAUSES, UNSAFE_STATES, Criterion, Histogram
from transport.force_frame import ForceFrame
from transport.schema import Telemetry

FELT_MIN_S = 4.0
"""Felt at full strength for this long: two breaths' worth of touch is no accident."""
FELT_ERROR_MAX_N = 0.5
"""A quarter of the 2 N that the simulated person wants to feel, on any machine. The target of
0.2 N is shown by `teleop bench haptics`."""
FELT_FLOOR_N = 0.2
"""Below this a hand does not notice (with handle friction)."""
SETTLE_S = 1.0
"""The error counts from one second after the touch is felt on, as in `teleop bench haptics`."""
WANT_CONTACT_N = 0.5
"""A hand that asks for less leaves; the robot lifts off by itself then (docs/haptics.md)."""
JUDGED_MIN = 200
"""Samples of the error that a verdict needs: a second."""
GAP_MAX_S = 0.1
"""A longer pause between two samples is not knowledge."""
DENSE_HZ = 1000.0
"""A force leg without a codec."""


@dataclass(slots=True)
class FeltScore:
    """Collects samples of a session."""

    force_scale: float
    driven_s: float = 0.0
    contact_s: float = 0.0
    felt_s: float = 0.0
    """In contact, rendered at full strength, above what a hand notices."""
    peak_felt_n: float = 0.0
    peak_force_n: float = 0.0
    coupling_s: dict[str, float] = field(default_factory=dict)
    """Time driven with each coupling in use."""
    couplings: list[str] = field(default_factory=list)
    """In the order in which they were used, at most 20."""
    unsafe: list[str] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)
    """First causes of the times that the robot stopped following."""
    released: bool = False
    """The dead-man was let go at the end, and the robot holds."""
    port_low_j: float = math.inf
    error: Histogram = field(default_factory=lambda: Histogram(0.01))
    felt: Histogram = field(default_factory=lambda: Histogram(0.01))
    leg_ms: Histogram = field(default_factory=lambda: Histogram(0.1))
    loop_ms: Histogram = field(default_factory=lambda: Histogram(0.1))
    late_us: Histogram = field(default_factory=lambda: Histogram(10.0))
    _settled_s: float = 0.0
    _last_ns: int = 0
    _engaged: bool = False
    _cycles: int = 0
    _overruns: int = 0

    def told(self, telemetry: Telemetry, *, deadman: bool) -> None:
        """Take one telemetry message, in order. ValueError: it names what nobody knows."""
        state, cause = State(telemetry.state), Cause(telemetry.first_out)
        found = [c.name for c in UNSAFE_CAUSES if telemetry.causes >> c & 1]
        found += [state.name] if state in UNSAFE_STATES else []
        self.unsafe += sorted(set(found) - set(self.unsafe))
        engaged = state in ENGAGED
        if self._engaged and not engaged:
            self.holds[cause.name] = self.holds.get(cause.name, 0) + 1
        self._engaged = engaged
        self.released = self.driven_s > 0.0 and state is State.HOLD and not deadman
        if engaged:
            self.leg_ms.add(telemetry.haptic_ms)
            self.loop_ms.add(telemetry.loop_ms)

    def add(self, now_ns: int, hand: HandSide, force: ForceFrame | None, used: Coupling) -> None:
        """Take one sample of the hand and the newest force that was heard."""
        dt_s = min(GAP_MAX_S, (now_ns - self._last_ns) / 1e9) if self._last_ns else 0.0
        self._last_ns = now_ns
        self.port_low_j = min(self.port_low_j, hand.port_j)
        self.late_us.add(hand.late_us)
        self._cycles, self._overruns = hand.cycle, hand.overruns
        if not self._engaged or not hand.deadman:
            self._settled_s = 0.0
            return
        self.driven_s += dt_s
        self._use(used.name, dt_s)
        if force is None or not force.contact or not force.force_valid:
            self._settled_s = 0.0
            return
        self.contact_s += dt_s
        self.peak_force_n = max(self.peak_force_n, force.force_n)
        self.peak_felt_n = max(self.peak_felt_n, hand.felt_n)
        self._compare(hand, force, dt_s)

    def _compare(self, hand: HandSide, force: ForceFrame, dt_s: float) -> None:
        """In contact: what is felt against what is measured."""
        if hand.touch_echo < 0 or hand.force_ref_n < WANT_CONTACT_N:
            self._settled_s = 0.0  # the surface rises, the force is faded out, or the hand leaves
            return
        self._settled_s += dt_s
        self.felt_s += dt_s if hand.felt_n > FELT_FLOOR_N else 0.0
        self.felt.add(hand.felt_n)
        if self._settled_s > SETTLE_S:
            self.error.add(abs(hand.felt_n - self.force_scale * force.force_n))

    @property
    def enough(self) -> bool:
        """Felt for long enough to be judged."""
        return self.felt_s >= FELT_MIN_S and self.error.count >= JUDGED_MIN

    def _use(self, name: str, dt_s: float) -> None:
        self.coupling_s[name] = self.coupling_s.get(name, 0.0) + dt_s
        if self.couplings[-1:] != [name] and len(self.couplings) < 20:
            self.couplings.append(name)

    def criteria(self) -> list[Criterion]:
        """The verdict, line by line."""
        error_n, low_mj = self.error.rms(), self.port_low_j * 1e3
        rows = (
            ("felt_s", self.felt_s, FELT_MIN_S, self.felt_s >= FELT_MIN_S),
            ("felt_error_rms_n", error_n, FELT_ERROR_MAX_N,
             self.error.count >= JUDGED_MIN and error_n <= FELT_ERROR_MAX_N),
            ("port_energy_low_mj", low_mj, 0.0, 0.0 <= low_mj < math.inf),
            ("unsafe_events", float(len(self.unsafe)), 0.0, not self.unsafe),
            ("released_to_hold", float(self.released), 1.0, self.released),
        )  # fmt: skip
        return [
            Criterion(name, round(value, 4) if math.isfinite(value) else -1.0, limit, ok)
            for name, value, limit, ok in rows
        ]

    def measured(self, sent: Traffic) -> dict[str, Any]:
        """All figures, JSON-ready."""
        shares = {k: round(v / max(self.driven_s, 1e-9), 3) for k, v in self.coupling_s.items()}
        return {
            "driven_s": round(self.driven_s, 2),
            "contact_s": round(self.contact_s, 2),
            "felt_n": self.felt.summary(),
            "felt_error_n": self.error.summary() | {"rms": round(self.error.rms(), 3)},
            "peak_felt_n": round(self.peak_felt_n, 2),
            "peak_force_n": round(self.peak_force_n, 2),
            "coupling_share": dict(sorted(shares.items())),
            "couplings_in_order": list(self.couplings),
            "haptic_leg_ms": self.leg_ms.summary(),
            "loop_ms": self.loop_ms.summary(),
            "packets": sent.measured(),
            "haptic_loop": {
                "cycles": self._cycles, "overruns": self._overruns,
                "late_p99_us": self.late_us.percentile(99),
            },
            "hold_causes": dict(sorted(self.holds.items())),
            "unsafe_events": list(self.unsafe),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the link while the console was coupled."""

    seconds: float
    commands: int
    force_frames: int
    lost: float
    """Share of the newest force frames that did not come."""
    unreadable: int

    def measured(self) -> dict[str, float]:
        """Rates, and what the force leg saves against one frame per millisecond."""
        seconds = max(self.seconds, 1e-9)
        frames_hz = self.force_frames / seconds
        return {
            "commands_per_s": round(self.commands / seconds, 1),
            "force_frames_per_s": round(frames_hz, 1),
            "force_saved_percent": round(100.0 * (1.0 - frames_hz / DENSE_HZ), 1),
            "force_lost_percent": round(100.0 * self.lost, 2),
            "unreadable": float(self.unreadable),
        }
