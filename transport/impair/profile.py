"""What one direction of a link does, and what a path of two directions does."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from enum import StrEnum

from transport.impair.bottleneck import RateSteps, rates_are_possible
from transport.impair.loss import ParetoBursts
from transport.impair.noise import ImpairError
from transport.impair.timeline import DelayTrace, Outages, Periodic


class JitterShape(StrEnum):
    """Distribution of the random part of the delay."""

    GAMMA = "gamma"
    """Gamma of shape 2; `jitter_ms` is its mean."""
    HALF_NORMAL = "half_normal"
    """Absolute value of a normal; `jitter_ms` is the standard deviation of that normal."""


class BlackoutMode(StrEnum):
    """What happens to a packet that is sent while the link is dark."""

    DROP = "drop"
    HOLD = "hold"
    """It waits and leaves when the link is back, as in a base station's buffer."""


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One direction of a link. Times are ms since the link began."""

    delay_ms: float = 5.0
    """Constant part of the one-way delay."""
    jitter_ms: float = 0.0
    """Size of the random part, on top of the constant part; see `jitter_shape`."""
    loss: float = 0.0
    """Mean share of lost packets, 0..1."""
    burst: float = 1.0
    """Mean length of a loss burst in packets (Gilbert-Elliott); 1: independent losses."""
    duplicate: float = 0.0
    """Share of packets that arrive twice."""
    blackouts_ms: tuple[tuple[float, float], ...] = ()
    """Windows (start, end) in which the link is dark."""
    jitter_shape: JitterShape = JitterShape.GAMMA
    mixture_ms: tuple[tuple[float, float], ...] = ()
    """Hyperexponential random delay on top: (weight, mean ms) of each part; weights add up to 1."""
    pareto: ParetoBursts | None = None
    """Pareto loss bursts, besides `loss`."""
    blackout_mode: BlackoutMode = BlackoutMode.DROP
    periodic: Periodic | None = None
    """Periodic dark windows, besides `blackouts_ms`."""
    outages: Outages | None = None
    """Random dark windows, besides the others."""
    rate_kbps: RateSteps = ()
    """Rate of the bottleneck as (from ms, kbit/s) steps; empty: no limit."""
    queue_bytes: int = 64_000
    """Length of the bottleneck's queue. 64 kB is 25 ms at 20 Mbit/s."""
    course_ms: tuple[tuple[float, float], ...] = ()
    """Extra delay over time as (at ms, extra ms) knots, linear between; equal times: a step."""
    trace: DelayTrace | None = None
    """Recorded delay, on top of `delay_ms`."""
    reorder: float = 0.0
    """Share of packets that later ones may overtake."""
    reorder_ms: float = 0.0
    """How much later such a packet arrives."""
    corrupt: float = 0.0
    """Share of packets that arrive with one flipped bit."""
    in_order: bool = True
    """False: the random part of the delay may let later packets overtake earlier ones."""

    def __post_init__(self) -> None:
        for name in ("delay_ms", "jitter_ms", "reorder_ms"):
            value = getattr(self, name)
            _demand(math.isfinite(value) and value >= 0.0, f"{name} {value}: 0 or more")
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            value = getattr(self, name)
            _demand(0.0 <= value <= 1.0, f"{name} {value}: 0 to 1")
        _demand(math.isfinite(self.burst) and self.burst >= 1.0, f"burst {self.burst}: 1 or more")
        ordered = all(start <= end for start, end in self.blackouts_ms)
        _demand(ordered, "blackouts_ms: a window ends before it starts")
        total = sum(weight for weight, _ in self.mixture_ms)
        mixed = all(w >= 0.0 and 0.0 < mean < math.inf for w, mean in self.mixture_ms)
        weighed = not self.mixture_ms or math.isclose(total, 1.0, abs_tol=1e-6)
        _demand(mixed and weighed, "mixture_ms: positive means, weights that add up to 1")
        _demand(rates_are_possible(self.rate_kbps), "rate_kbps: from 0 on, rising, above 0")
        _demand(self.queue_bytes > 0, f"queue_bytes {self.queue_bytes}: above 0")
        knots = self.course_ms
        rising = all(a[0] <= b[0] for a, b in itertools.pairwise(knots))
        sane = all(math.isfinite(at) and 0.0 <= extra < math.inf for at, extra in knots)
        _demand(rising and sane, "course_ms: times that do not fall, extra delay 0 or more")


def _demand(good: bool, words: str) -> None:
    if not good:
        raise ImpairError(words)


DEAD = LinkProfile(loss=1.0)
"""Nothing arrives: the dead direction of a one-way fault."""


@dataclass(frozen=True, slots=True)
class PathProfile:
    """Both directions of one link between console and robot."""

    up: LinkProfile = field(default_factory=LinkProfile)
    """Console to robot: commands."""
    down: LinkProfile = field(default_factory=LinkProfile)
    """Robot to console: video, telemetry."""
