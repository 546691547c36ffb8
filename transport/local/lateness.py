"""Durations of a loop in a fixed histogram: nothing is stored per cycle, nothing grows (pure).

Bins are logarithmic with eight per octave (as HdrHistogram with three significant bits): 256 ns
resolution up to 4 us, then at most 12.5 % of the value, up to 1.07 s. Percentiles are upper edges
of bins, so that a figure never looks better than it was.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

BINS = 160
_UNIT_BITS = 8
"""256 ns: below the cost of reading the clock twice in Python."""
_SUB_BITS = 3
_SUB = 1 << _SUB_BITS
_PACKED = struct.Struct(f"<{BINS}Q")
COUNTS_BYTES = _PACKED.size
"""Size of a packed histogram."""


def bin_of(duration_ns: int) -> int:
    """Index of the bin of a duration; negative counts as 0, the last bin takes all above."""
    value = duration_ns >> _UNIT_BITS
    if value < _SUB:
        return max(0, value)
    shift = value.bit_length() - _SUB_BITS - 1
    return min(BINS - 1, (shift << _SUB_BITS) + (value >> shift))


def upper_edge_ns(index: int) -> int:
    """Upper end of a bin (exclusive), in ns."""
    if index < _SUB:
        return (index + 1) << _UNIT_BITS
    shift = (index >> _SUB_BITS) - 1
    return ((index & (_SUB - 1)) + _SUB + 1) << (shift + _UNIT_BITS)


class Histogram:
    """Counts of durations, with the exact maximum."""

    def __init__(self) -> None:
        self.counts = [0] * BINS
        self.total = 0
        self.max_ns = 0

    def add(self, duration_ns: int) -> None:
        """Count one duration."""
        self.counts[bin_of(duration_ns)] += 1
        self.total += 1
        if duration_ns > self.max_ns:
            self.max_ns = duration_ns

    def percentiles_us(self, shares: Sequence[float]) -> list[float]:
        """Durations (us) that the given ascending shares (0..1) do not exceed; -1: empty."""
        return [min(edge, self.max_ns / 1e3) for edge in percentiles_us(self.counts, shares)]

    def packed(self) -> bytes:
        """All counts, `COUNTS_BYTES` little-endian bytes."""
        return _PACKED.pack(*self.counts)


def unpacked(data: bytes) -> list[int]:
    """Counts of a packed histogram; ValueError: not `COUNTS_BYTES` long."""
    if len(data) != COUNTS_BYTES:
        raise ValueError(f"{len(data)} bytes, a histogram has {COUNTS_BYTES}")
    return list(_PACKED.unpack(data))


def between(later: Sequence[int], earlier: Sequence[int]) -> list[int]:
    """Counts of the span between two readings of a growing histogram."""
    return [max(0, b - a) for b, a in zip(later, earlier, strict=True)]


def percentiles_us(counts: Sequence[int], shares: Sequence[float]) -> list[float]:
    """Upper edges (us) of the bins that hold the given ascending shares (0..1); -1: empty."""
    total = sum(counts)
    if not total:
        return [-1.0] * len(shares)
    found: list[float] = []
    seen, index = counts[0], 0
    for share in shares:
        while seen < share * total and index < BINS - 1:
            index += 1
            seen += counts[index]
        found.append(upper_edge_ns(index) / 1e3)
    return found
