"""One direction of an impaired network link, as a pure and seeded function of time.

Order per packet (reference/media_transport.md section 7): blackout, loss, delay, jitter; due times
are made monotone, so that jitter alone does not reorder. The same profile serves the virtual-clock
world (`bench/world.py`) and any in-process impairment of real packets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_MASK = (1 << 64) - 1


class ImpairError(ValueError):
    """A link profile asks for something impossible; the message names the field."""


class Noise:
    """SplitMix64 (Steele, Lea, Flood 2014): a tiny seeded generator, the same on all machines."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits(self) -> int:
        """64 uniform random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def uniform(self) -> float:
        """Uniform in [0, 1)."""
        return (self.bits() >> 11) / (1 << 53)

    def exponential(self) -> float:
        """Exponential with mean 1."""
        return -math.log(1.0 - self.uniform())


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """One direction of a link."""

    delay_ms: float = 5.0
    """Constant part of the one-way delay."""
    jitter_ms: float = 0.0
    """Mean of the random part (gamma, shape 2), on top of the constant part."""
    loss: float = 0.0
    """Mean share of lost packets, 0..1."""
    burst: float = 1.0
    """Mean length of a loss burst in packets (Gilbert-Elliott); 1: independent losses."""
    duplicate: float = 0.0
    """Share of packets that arrive twice."""
    blackouts_ms: tuple[tuple[float, float], ...] = ()
    """Windows (start, end) in which every packet is dropped, ms since the world began."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.delay_ms) and self.delay_ms >= 0.0):
            raise ImpairError(f"delay_ms {self.delay_ms}: 0 or more")
        if not (math.isfinite(self.jitter_ms) and self.jitter_ms >= 0.0):
            raise ImpairError(f"jitter_ms {self.jitter_ms}: 0 or more")
        for name in ("loss", "duplicate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ImpairError(f"{name} {getattr(self, name)}: 0 to 1")
        if not (math.isfinite(self.burst) and self.burst >= 1.0):
            raise ImpairError(f"burst {self.burst}: 1 packet or more")
        if any(end < start for start, end in self.blackouts_ms):
            raise ImpairError("blackouts_ms: a window ends before it starts")


class Link:
    """Decides for each packet when (and whether) it arrives. Deterministic by seed and calls."""

    def __init__(self, profile: LinkProfile, seed: int, origin_ns: int = 0) -> None:
        self.profile = profile
        self.sent = 0
        self.dropped = 0
        self.cut = False
        """True: everything is dropped from now on (a pulled cable)."""
        self._noise = Noise(seed)
        self._origin_ns = origin_ns
        self._bad = False
        self._last_due_ns = 0

    def deliver(self, now_ns: int) -> list[int]:
        """Return when a packet sent at `now_ns` arrives: none (lost), one, or two (duplicate)."""
        self.sent += 1
        # Every packet draws all its numbers, so that a blackout does not shift the pattern.
        lost, twice = self._lose(), self._noise.uniform() < self.profile.duplicate
        extra_ms = self.profile.jitter_ms * self._gamma()
        if lost or self.cut or self._blacked_out(now_ns):
            self.dropped += 1
            return []
        due_ns = now_ns + round((self.profile.delay_ms + extra_ms) * 1e6)
        self._last_due_ns = max(self._last_due_ns, due_ns)
        return [self._last_due_ns] * (2 if twice else 1)

    def _gamma(self) -> float:
        """Gamma of shape 2 with mean 1."""
        return 0.5 * (self._noise.exponential() + self._noise.exponential())

    def _lose(self) -> bool:
        """Gilbert-Elliott: leave the bad state with 1/burst, enter with p/(burst (1 - p))."""
        p, burst = self.profile.loss, self.profile.burst
        draw = self._noise.uniform()
        if p in (0.0, 1.0) or burst == 1.0:
            return draw < p
        enter = min(1.0, p / (burst * (1.0 - p)))
        self._bad = draw >= 1.0 / burst if self._bad else draw < enter
        return self._bad

    def _blacked_out(self, now_ns: int) -> bool:
        at_ms = (now_ns - self._origin_ns) / 1e6
        return any(start <= at_ms < end for start, end in self.profile.blackouts_ms)
