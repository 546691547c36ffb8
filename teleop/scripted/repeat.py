"""Sends the newest frame of a native console a second time, unless a newer one left before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from transport.local.clock import now_ns
from transport.repeat import Repeat

EARLY_NS = 1_000_000
"""The loop may run a timer early by its clock's resolution."""


class RepeatTimer:
    """At most one timer, for the newest message; needs a running loop."""

    def __init__(self, after_ms: float, send: Callable[[bytes], None]) -> None:
        """`send` gets the second copy, ready to be sent."""
        self._after_s = after_ms / 1e3
        self._repeat = Repeat(after_ms)
        self._send = send
        self._timer: asyncio.TimerHandle | None = None

    def sent(self, message: bytes, *, again: bool) -> None:
        """`message` has been sent; `again`: it is to be sent a second time."""
        self.cancel()
        if again and self._after_s > 0.0:
            self._repeat.sent(message, now_ns())
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._after_s, self._due)

    def cancel(self) -> None:
        """Nothing is to be sent again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        copy = self._repeat.take(now_ns(), EARLY_NS)
        if copy is not None:
            self._send(copy)
