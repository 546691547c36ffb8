"""A tiny seeded generator, the same on all machines, with the distributions that links need."""

from __future__ import annotations

import math

_MASK = (1 << 64) - 1
_STREAM = 0xD1342543DE82EF95
"""Odd multiplier (Steele and Vigna 2021) that keeps the streams of one seed apart."""


class ImpairError(ValueError):
    """A link profile asks for something impossible; the message names the field."""


class Noise:
    """SplitMix64 (Steele, Lea, Flood 2014)."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    @classmethod
    def stream(cls, seed: int, index: int) -> Noise:
        """One of many independent sequences of a seed.

        The index is mixed, not added: two SplitMix64 seeds that differ by a multiple of its step
        give the same sequence, shifted.
        """
        return cls(cls(seed).bits() ^ cls((index * _STREAM) & _MASK).bits())

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

    def gamma2(self) -> float:
        """Gamma of shape 2 with mean 1."""
        return 0.5 * (self.exponential() + self.exponential())

    def half_normal(self) -> float:
        """Absolute value of a standard normal (Box and Muller 1958; always two draws)."""
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        return abs(radius * math.cos(2.0 * math.pi * self.uniform()))

    def pareto2(self, shape: float, scale: float) -> float:
        """Pareto of type II (Lomax): heavy tail, mean scale / (shape - 1)."""
        return scale * (math.pow(1.0 - self.uniform(), -1.0 / shape) - 1.0)
