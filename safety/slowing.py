"""Does the probe really stop sliding after an order to regulate? Servo is not trusted (pure).

The speed limits alone would not notice a servo that repeats its last set-point: a slow slide is
within the tolerance of regulation. So the slide across the probe's axis is judged by itself: it
must be seen slowing down soon after the order, go on slowing down, and be gone when a stop has to
be over (the pattern of the UR safety controller: the stop itself is monitored).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from safety.limits import Limits

MS = 1_000_000
DROP_M_S = 0.005
"""A drop by this much shows that the slide is being stopped (above velocity noise)."""
SLIDE_M_S = 0.01
"""Faster across the axis than this is no regulation: breathing moves the skin by 2 to 3 mm/s.
What slides slower is noticed by its path (`REGULATE_DRIFT_FACTOR` of safety/supervise.py)."""


def _begin_ms(limits: Limits) -> float:
    """Servo counts as alive for `servo_silent_ms`; it may begin to stop that late."""
    return max(limits.brake_seen_ms, limits.servo_silent_ms) + limits.v_over_ms


@dataclass(slots=True)
class SlideWatch:
    """Speed across the probe's axis while only regulation is permitted."""

    since_ns: int = 0
    """When regulation was ordered; 0: something else is permitted."""
    from_m_s: float = 0.0
    seen: bool = False
    over_since_ns: int = 0

    def order(self, regulate: bool, across_m_s: float, now_ns: int) -> None:
        """Take what is permitted from now on."""
        if not regulate:
            self.since_ns = 0
        elif self.since_ns == 0:
            # An unknown speed leaves the least time to slow down, and spoils nothing later.
            known = math.isfinite(across_m_s)
            self.since_ns, self.from_m_s = now_ns, across_m_s if known else 0.0
            self.seen, self.over_since_ns = False, 0

    def over(self, now_ns: int, limits: Limits) -> bool:
        """The stop that was ordered has to be over by now."""
        since_ms = (now_ns - self.since_ns) / MS
        return self.since_ns > 0 and since_ms > _begin_ms(limits) + limits.stop_done_ms

    def _allowed_m_s(self, now_ns: int, limits: Limits) -> float:
        """Falls from the slide that was ordered to stop to regulation when it has to be over."""
        gone_ms = (now_ns - self.since_ns) / MS - _begin_ms(limits)
        return SLIDE_M_S + self.from_m_s * max(0.0, 1.0 - gone_ms / limits.stop_done_ms)

    def slides(self, across_m_s: float, now_ns: int, limits: Limits) -> bool:
        """The probe goes on sliding although it must not (NaN slides)."""
        if self.since_ns == 0:
            return False
        if not self.seen:
            self.seen = across_m_s <= max(DROP_M_S, self.from_m_s - DROP_M_S)
            if not self.seen:
                return (now_ns - self.since_ns) / MS > _begin_ms(limits)
        if across_m_s <= self._allowed_m_s(now_ns, limits):
            self.over_since_ns = 0
            return False
        if self.over_since_ns == 0:
            self.over_since_ns = now_ns
        return now_ns - self.over_since_ns >= limits.v_over_ms * MS
