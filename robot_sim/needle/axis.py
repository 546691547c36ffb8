"""The needle axis of the arm box: a slow velocity drive with its own watchdog and brake (pure).

It is an axis of its own: it stops when its command is silent, when the box brakes, and without
power, whatever the arm does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

V_MAX_M_S = 0.005
"""The drive is geared for it: no command moves the needle faster."""
TRAVEL_M = 0.16
"""47 mm to the skin, and targets to 110 mm along the needle: biopsies go 30 to 150 mm deep."""
ACCELERATION_M_S2 = 0.1
"""Full speed in 50 ms."""
BRAKE_M_S2 = 0.2
"""From full speed to rest in 25 ms and 0.06 mm (self-locking spindle)."""
SILENCE_NS = 20_000_000
"""As the arm's own watchdog: a command older than this brakes the axis."""
AHEAD_NS = 2_000_000
"""Slack for a stamp from the future (the shell takes the time after reading)."""


@dataclass(slots=True)
class NeedleAxis:
    """Position and speed along the guide from home."""

    depth_m: float = 0.0
    v_m_s: float = 0.0
    braked: bool = True
    limit_ns: int = SILENCE_NS

    def update(
        self, now_ns: int, wanted_m_s: float | None, stamp_ns: int, released: bool, dt_s: float
    ) -> None:
        """Advance by `dt_s`. `released` False: the box brakes everything."""
        fresh = -AHEAD_NS <= now_ns - stamp_ns <= self.limit_ns
        usable = released and fresh and wanted_m_s is not None and math.isfinite(wanted_m_s)
        self.braked = not usable
        wanted = max(-V_MAX_M_S, min(V_MAX_M_S, wanted_m_s)) if usable and wanted_m_s else 0.0
        slowing = abs(wanted) < abs(self.v_m_s) or wanted * self.v_m_s < 0.0
        step = (BRAKE_M_S2 if slowing else ACCELERATION_M_S2) * dt_s
        self.v_m_s += max(-step, min(step, wanted - self.v_m_s))
        self.depth_m += self.v_m_s * dt_s
        if not 0.0 <= self.depth_m <= TRAVEL_M:
            self.depth_m = max(0.0, min(TRAVEL_M, self.depth_m))
            self.v_m_s = 0.0
