"""The epoch: 64 bits, durable before the first permit under it, never reused."""

from __future__ import annotations

from dataclasses import dataclass

S = 1_000_000_000
STORE_NS = 1 * S
"""A disk that does not confirm within this time has failed (nothing waits for it before)."""
SETTLE_NS = S // 2
"""A console learns the new epoch within one round trip; this long its silence is no fault of the
link while nothing moves (two round trips of any usable link, plus a resend)."""


@dataclass(slots=True)
class Epoch:
    """`value` 0: none yet. The shell hands in boot counter * 2^32, already durable."""

    value: int = 0
    durable: int = 0
    changed_ns: int = 0
    waiting_since_ns: int = 0
    """0: everything wanted is durable."""

    def update(self, durable: int, now_ns: int) -> None:
        """Take what is safely stored."""
        self.durable = durable
        if self.value == 0 and durable:
            self.value, self.changed_ns = durable, now_ns
        if self.usable():
            self.waiting_since_ns = 0
        elif self.waiting_since_ns == 0:
            self.waiting_since_ns = now_ns

    def usable(self) -> bool:
        """Permits may be issued under it."""
        return 0 < self.value <= self.durable

    def failed(self, now_ns: int) -> bool:
        """The store does not confirm."""
        return self.waiting_since_ns > 0 and now_ns - self.waiting_since_ns > STORE_NS

    def rise(self, now_ns: int) -> None:
        """Everything said under the old epoch is dead."""
        if self.value:
            self.value += 1
            self.changed_ns = now_ns
