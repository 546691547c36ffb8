"""The share of lost packets over a second, from a receiver's running totals (pure).

A report's own "fraction lost" speaks of the packets since the last report. Chromium reports up to
30 times a second, so that it may speak of four packets, one of which is only late: 25 %. The totals
in the same report (RFC 3550 section 6.4.1) can be compared over any time.
"""

from __future__ import annotations

WINDOW_NS = 1_000_000_000
FEWEST = 100
"""Packets that a share is told of; fewer, and one lost packet would be more than 1 %."""
_CYCLE = 1 << 32
_LOST_SIGNED = 1 << 23


class LossWindow:
    """Watches the totals of one stream."""

    def __init__(self) -> None:
        self._begun: tuple[int, int, int] | None = None
        """Time, total lost and extended highest sequence number where the window begins."""

    def reported(self, lost: int, highest: int, now_ns: int) -> float | None:
        """Take the totals of a report.

        Args:
            lost: cumulative number of packets lost, signed 24 bits; late ones and copies reduce it.
            highest: extended highest sequence number received, 32 bits.
            now_ns: now.

        Returns:
            The share of lost packets, 0..1, when a window ends with this report, else None.
        """
        if self._begun is None:
            self._begun = (now_ns, lost, highest)
            return None
        since_ns, lost_before, highest_before = self._begun
        expected = (highest - highest_before) % _CYCLE
        if expected >= _CYCLE // 2:  # totals that went back: the receiver began anew
            self._begun = (now_ns, lost, highest)
            return None
        if now_ns - since_ns < WINDOW_NS or expected < FEWEST:
            return None
        self._begun = (now_ns, lost, highest)
        newly = (lost - lost_before + _LOST_SIGNED) % (2 * _LOST_SIGNED) - _LOST_SIGNED
        return min(1.0, max(0.0, newly / expected))
