"""Perceptual deadband codec with keep-alive, for forces down and poses up.

A sample is sent only when the decoder's guess is off by more than a Weber fraction of the value or
an absolute floor (Hinterseer et al. 2008; just noticeable differences of force are 7 to 10 %), and
at least once per keep-alive period, so that silence is always a fault and never a resting hand.
Encoder and decoder make the same guess: the last value, extrapolated with its rate for a bounded
time.
"""

from __future__ import annotations

from dataclasses import dataclass

from haptics.vec import ZERO, Vec, add, norm, scale, sub


@dataclass(frozen=True, slots=True)
class Deadband:
    """Thresholds of one stream."""

    weber: float
    """Share of the value that is not felt."""
    floor: float
    """Smallest difference that counts, in the stream's unit."""
    keep_alive_ns: int
    slot_ns: int = 0
    """At most one sample per slot; 0: no slots."""
    extrapolate_ns: int = 20_000_000
    """Longest extrapolation with the rate."""


FORCE = Deadband(0.10, 0.1, 10_000_000)
"""Force leg: 10 %, 0.1 N (twice the sensor noise), 100 Hz keep-alive."""
COMMAND = Deadband(0.0, 50e-6, 5_000_000, slot_ns=5_000_000)
"""Command leg: one frame in every 5 ms slot, because guard counts missed slots; poses carry their
velocity, so that the guess between is off by less than 50 um in ordinary motion."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value and its rate at a time."""

    stamp_ns: int
    value: Vec
    rate: Vec = ZERO

    def guess(self, now_ns: int, longest_ns: int) -> Vec:
        """The value at `now_ns`, extrapolated for at most `longest_ns`."""
        ahead_s = max(0, min(longest_ns, now_ns - self.stamp_ns)) / 1e9
        return add(self.value, scale(self.rate, ahead_s))


@dataclass(slots=True)
class Encoder:
    """Decides which samples are worth sending."""

    band: Deadband
    offered: int = 0
    sent: int = 0
    last: Sample | None = None

    def offer(self, sample: Sample) -> bool:
        """True when `sample` is to be sent."""
        self.offered += 1
        if self.last is not None and not self._due(self.last, sample):
            return False
        self.last = sample
        self.sent += 1
        return True

    def _due(self, last: Sample, sample: Sample) -> bool:
        band = self.band
        silent_ns = sample.stamp_ns - last.stamp_ns
        if silent_ns >= band.keep_alive_ns:
            return True
        if band.slot_ns and sample.stamp_ns // band.slot_ns == last.stamp_ns // band.slot_ns:
            return False
        off = norm(sub(sample.value, last.guess(sample.stamp_ns, band.extrapolate_ns)))
        return off > max(band.weber * norm(sample.value), band.floor)

    @property
    def saved(self) -> float:
        """Share of the offered samples that was not sent."""
        return 1.0 - self.sent / self.offered if self.offered else 0.0


@dataclass(slots=True)
class Decoder:
    """Rebuilds the stream; late and repeated samples change nothing."""

    band: Deadband
    newest: Sample | None = None
    stale: int = 0
    """Samples that came after a newer one."""

    def take(self, sample: Sample) -> bool:
        """Take a received sample; False: it was not newer."""
        if self.newest is not None and sample.stamp_ns <= self.newest.stamp_ns:
            self.stale += 1
            return False
        self.newest = sample
        return True

    def value(self, now_ns: int) -> Vec:
        """The stream's value at `now_ns` (sender's clock); zero before the first sample."""
        if self.newest is None:
            return ZERO
        return self.newest.guess(now_ns, self.band.extrapolate_ns)
