"""Is a process of this machine alive? Judged by its newest stamp, on guard's own clock."""

from __future__ import annotations

from dataclasses import dataclass

MS = 1_000_000
AHEAD_NS = 20 * MS
"""A stamp this far ahead was written while guard read; farther ahead it is broken."""


@dataclass(slots=True)
class Peer:
    """One process as guard sees it."""

    seen: bool = False
    incarnation: int = 0
    lost: bool = True
    restarted: bool = False
    """Its incarnation changed in this step."""

    def update(
        self, seq: int, incarnation: int, stamp_ns: int, now_ns: int, silent_ms: float
    ) -> None:
        """Judge the newest message; `seq` 0 means that there is none."""
        self.restarted = False
        if seq == 0:
            return
        age_ns = now_ns - stamp_ns
        self.lost = age_ns > silent_ms * MS or age_ns < -AHEAD_NS
        if self.lost:
            return
        self.restarted = self.seen and incarnation != self.incarnation
        self.seen = True
        self.incarnation = incarnation
