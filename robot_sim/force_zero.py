"""The box's force zero: average the reading in the air at rest, check it, store it as bias. Pure.

Guard asks for it with a serial number and only when it may be done (safety/roles.py); the box
checks again that the arm rests and that the new bias is near the stored one: a probe that leans on
somebody must not become the new zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from haptics.vec import norm

AVERAGE_NS = 500_000_000
"""250 breaths of noise: 0.05 N rms becomes 0.01 N."""
REST_RAD_S = 2e-3
WITHIN_N = 3.0
"""Farthest from the bias stored when the box was made or serviced; repeated zeros do not add up."""
WITHIN_NM = 0.3
ZERO6 = (0.0,) * 6

Wrench = tuple[float, ...]


@dataclass(slots=True)
class ForceZero:
    """Bias that is subtracted from every reading, and how it is renewed."""

    bias: Wrench = ZERO6
    stored: Wrench = ZERO6
    """Bias of the last service: what a new one is compared with."""
    serial: int = 0
    """Newest request that was finished."""
    ok: bool = True
    """What became of it."""
    _asked: int = 0
    _from_ns: int = 0
    _sum: list[float] = field(default_factory=lambda: [0.0] * 6)
    _count: int = 0

    def update(self, now_ns: int, asked: int, reading: Wrench, fastest_rad_s: float) -> None:
        """Feed the newest request and the compensated reading of this cycle."""
        if asked == 0:
            return  # nobody asked since guard started
        if asked != self._asked:
            self._asked, self._from_ns = asked, now_ns
            self._sum, self._count = [0.0] * 6, 0
        if self._asked == self.serial:
            return
        if not fastest_rad_s <= REST_RAD_S:
            self._finish(False)
            return
        self._sum = [total + value for total, value in zip(self._sum, reading, strict=True)]
        self._count += 1
        if now_ns - self._from_ns >= AVERAGE_NS:
            self._take()

    def _take(self) -> None:
        fresh = tuple(b + s / self._count for b, s in zip(self.bias, self._sum, strict=True))
        change = tuple(f - s for f, s in zip(fresh, self.stored, strict=True))
        good = norm(change[:3]) <= WITHIN_N and norm(change[3:]) <= WITHIN_NM
        if good:
            self.bias = fresh
        self._finish(good)

    def _finish(self, ok: bool) -> None:
        self.serial, self.ok = self._asked, ok
