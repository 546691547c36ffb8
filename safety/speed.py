"""One measured speed against what is permitted, with the time that a stop may take (pure).

After an order to go slower the speed may stay for `brake_seen_ms`, then the allowed speed falls on
a straight ramp and reaches the new limit at `stop_done_ms`. The same for linear and angular speed.
"""

from __future__ import annotations

from dataclasses import dataclass

from safety.limits import Limits

MS = 1_000_000


@dataclass(slots=True)
class SpeedWatch:
    """Speeds in m/s, or in rad/s."""

    limit: float = 0.0
    """What the permit in force allows."""
    before: float = 0.0
    """What was allowed when the limit was lowered."""
    lowered_ns: int = 0
    over_since_ns: int = 0
    """0: not over the allowed speed."""

    def order(self, limit: float, now_ns: int, limits: Limits) -> None:
        """Take what is permitted from now on."""
        if limit < self.limit:
            self.before = self.allowed(now_ns, limits)
            self.lowered_ns = now_ns
        self.limit = limit

    def allowed(self, now_ns: int, limits: Limits) -> float:
        """Speed allowed at this moment, the stop ramp included."""
        t_ms = (now_ns - self.lowered_ns) / MS
        if self.before <= self.limit or t_ms >= limits.stop_done_ms:
            return self.limit
        if t_ms <= limits.brake_seen_ms:
            return self.before
        rest = (limits.stop_done_ms - t_ms) / (limits.stop_done_ms - limits.brake_seen_ms)
        return self.limit + (self.before - self.limit) * rest

    def over(self, speed: float, tolerance: float, now_ns: int, limits: Limits) -> bool:
        """The measured speed has been over the allowed one for `v_over_ms` (NaN is over)."""
        if speed <= self.allowed(now_ns, limits) + tolerance:
            self.over_since_ns = 0
            return False
        if self.over_since_ns == 0:
            self.over_since_ns = now_ns
        return now_ns - self.over_since_ns >= limits.v_over_ms * MS
