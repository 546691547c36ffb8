"""When a crashed process may start again (pure)."""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_DELAY_NS = 500_000_000
LONGEST_DELAY_NS = 10_000_000_000
CALM_NS = 60_000_000_000
"""A process that ran this long is treated as if it had never crashed."""
MOST_CRASHES = 8
"""Within CALM_NS of each other; then the process stays down and the person decides."""


@dataclass(slots=True)
class Backoff:
    """Doubling delay per process."""

    crashes: dict[str, int] = field(default_factory=dict)
    last_ns: dict[str, int] = field(default_factory=dict)

    def crashed(self, name: str, now_ns: int) -> int | None:
        """Note a crash; return when to start again, or None: it crashed too often."""
        if now_ns - self.last_ns.get(name, 0) > CALM_NS:
            self.crashes[name] = 0
        self.last_ns[name] = now_ns
        self.crashes[name] = self.crashes.get(name, 0) + 1
        if self.crashes[name] > MOST_CRASHES:
            return None
        delay: int = FIRST_DELAY_NS << (self.crashes[name] - 1)
        return now_ns + min(delay, LONGEST_DELAY_NS)
