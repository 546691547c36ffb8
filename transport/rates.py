"""Rate limits and outage detection for what peers send (pure; time is an argument)."""

from __future__ import annotations

OUTAGE_NS = 250_000_000
"""An SCTP association is rebuilt after a longer silence (docs/safety-concept.md)."""
OUTAGE_ARM_FRAMES = 40
"""Frames in a row before silence counts as an outage: 0.2 s at 200 Hz. A page in a background
tab sends about one per second and is slow, not cut off."""


class TokenBucket:
    """Allows `rate_hz` on average and `burst` at once; what is over is refused, never delayed."""

    def __init__(self, rate_hz: float, burst: float, now_ns: int) -> None:
        self._rate_per_ns = rate_hz / 1e9
        self._burst = burst
        self._level = burst
        self._last_ns = now_ns

    def has(self, now_ns: int) -> bool:
        """True: `take` would be allowed."""
        self._refill(now_ns)
        return self._level >= 1.0

    def take(self, now_ns: int) -> bool:
        """True: allowed, and one token is gone."""
        if not self.has(now_ns):
            return False
        self._level -= 1.0
        return True

    def _refill(self, now_ns: int) -> None:
        refill = max(0, now_ns - self._last_ns) * self._rate_per_ns
        self._level = min(self._burst, self._level + refill)
        self._last_ns = max(self._last_ns, now_ns)


class OutageWatch:
    """Says when a stream that was flowing has been silent for longer than `OUTAGE_NS`."""

    def __init__(self, silence_ns: int = OUTAGE_NS, arm_frames: int = OUTAGE_ARM_FRAMES) -> None:
        self._silence_ns = silence_ns
        self._arm_frames = arm_frames
        self._streak = 0
        self._last_ns = 0

    def seen(self, now_ns: int) -> None:
        """A frame arrived."""
        gap_ns = now_ns - self._last_ns
        self._streak = self._streak + 1 if gap_ns <= self._silence_ns else 1
        self._last_ns = now_ns

    def silent_ns(self, now_ns: int) -> int:
        """How long a stream that was flowing has been silent; 0: it never flowed."""
        return now_ns - self._last_ns if self._streak >= self._arm_frames else 0

    def is_outage(self, now_ns: int) -> bool:
        """True: the stream was flowing and is silent for too long now."""
        return self.silent_ns(now_ns) > self._silence_ns
