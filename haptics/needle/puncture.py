"""Puncture detector: a sudden drop of the axial force while the needle advances.

A puncture is a drop within 20 ms of more than 30 % of what the membrane had built up, and of more
than 0.2 N. What had built up counts from the lowest force over the last millimetres, so that the
friction of a deep shaft does not hide a thin membrane.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOW_NS = 20_000_000
DROP_SHARE = 0.3
DROP_N = 0.2
BASE_M = 0.006
"""Way over which the lowest force is remembered: longer than a membrane gives (2 to 5 mm)."""
BINS = 12
QUIET_NS = 60_000_000
"""After a puncture: one membrane gives one event."""
ADVANCING_M_S = 0.0002
START_M = 0.0003
"""First way after a rest: friction breaks loose there, by up to a quarter of the whole force. So
the share counts from zero force until this far."""


@dataclass(slots=True)
class PunctureDetector:
    """Feed it each control cycle."""

    count: int = 0
    peak_n: float = 0.0
    """Force before the newest puncture."""
    drop_n: float = 0.0
    """How far it fell."""
    samples: tuple[tuple[int, float], ...] = ()
    """(when, force) within the window."""
    lows: tuple[float, ...] = ()
    """Lowest force per `BASE_M / BINS` of way, newest last."""
    way_m: float = 0.0
    """Way into the newest bin."""
    quiet_until_ns: int = 0
    run_m: float = 0.0
    """Way since the needle last rested."""

    def update(self, now_ns: int, force_n: float, v_m_s: float, dt_s: float) -> bool:
        """Take one sample; True: a membrane was punctured just now."""
        if v_m_s < ADVANCING_M_S:
            self.samples, self.run_m = (), 0.0
            return False
        self.run_m += v_m_s * dt_s
        self._remember_low(force_n, v_m_s * dt_s)
        kept = tuple(item for item in self.samples if item[0] >= now_ns - WINDOW_NS)
        self.samples = (*kept, (now_ns, force_n))
        if now_ns < self.quiet_until_ns:
            return False
        peak_n = max(item[1] for item in self.samples)
        built_up_n = peak_n - (min(self.lows) if self.run_m > START_M else 0.0)
        drop_n = peak_n - force_n
        if drop_n <= DROP_N or drop_n <= DROP_SHARE * built_up_n:
            return False
        self.count += 1
        self.peak_n, self.drop_n = peak_n, drop_n
        self.samples, self.lows, self.way_m = (), (force_n,), 0.0
        self.quiet_until_ns = now_ns + QUIET_NS
        return True

    def _remember_low(self, force_n: float, way_m: float) -> None:
        self.way_m += way_m
        if not self.lows or self.way_m >= BASE_M / BINS:
            self.way_m = 0.0
            self.lows = (*self.lows, force_n)[-BINS:]
        elif force_n < self.lows[-1]:
            self.lows = (*self.lows[:-1], force_n)
