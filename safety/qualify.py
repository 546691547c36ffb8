"""Link qualification: every criterion met without a break for `qualify_s` (reference 8.2)."""

from __future__ import annotations

from dataclasses import dataclass

from safety.limits import Limits

S = 1_000_000_000


@dataclass(slots=True)
class Qualifier:
    """`good_since_ns` 0: a criterion is broken right now."""

    good_since_ns: int = 0

    def update(self, good: bool, now_ns: int) -> None:
        """Take this step's verdict on all criteria together."""
        if not good:
            self.good_since_ns = 0
        elif self.good_since_ns == 0:
            self.good_since_ns = now_ns

    def progress(self, now_ns: int, limits: Limits) -> float:
        """0..1; 1 means qualified."""
        if self.good_since_ns == 0:
            return 0.0
        return min(1.0, (now_ns - self.good_since_ns) / (limits.qualify_s * S))
