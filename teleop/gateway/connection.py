"""One command connection: of one console, on one link."""

from __future__ import annotations

from collections.abc import Callable

from transport.local.clock import now_ns
from transport.rates import OutageWatch, TokenBucket
from transport.schema import CHANNEL_COMMAND
from transport.webrtc.data import DataServer

FRAME_RATE_HZ = 900.0
"""Twice what a good console sends: 200 frames/s, each of them twice, and its link reports."""
FRAME_BURST = 200.0
CONNECT_TIMEOUT_NS = 15_000_000_000
SILENT_CLOSE_NS = 10_000_000_000
"""A silent connection that nobody replaced is given up."""


class CommandPeer:
    """One connection: of one console, on one link."""

    def __init__(
        self,
        take: Callable[[bytes | str, int], bool],
        on_closed: Callable[[CommandPeer, str], None],
        on_open: Callable[[CommandPeer], None] = lambda _: None,
        address: str = "",
    ) -> None:
        self._take = take
        self._started_ns = now_ns()
        self._bucket = TokenBucket(FRAME_RATE_HZ, FRAME_BURST, self._started_ns)
        self._outage = OutageWatch()
        self._was_open = False
        self.rejected = 0
        self.told = False
        """The page knows that this connection is silent."""
        self.server = DataServer(
            self._message,
            lambda reason: on_closed(self, reason),
            lambda: on_open(self),
            [address] if address else [],
        )

    def _message(self, data: bytes | str) -> None:
        at_ns = now_ns()
        if not self._bucket.take(at_ns) or not self._take(data, at_ns):
            self.rejected += 1
            return
        self._outage.seen(at_ns)

    @property
    def is_open(self) -> bool:
        """True while frames can arrive."""
        return self.server.is_open(CHANNEL_COMMAND)

    def is_silent(self, at_ns: int) -> bool:
        """True when it was flowing and is silent for too long."""
        return self._outage.is_outage(at_ns)

    def must_close(self, at_ns: int) -> str | None:
        """Why this connection is to be given up now."""
        if self._outage.silent_ns(at_ns) > SILENT_CLOSE_NS:
            return "silent"
        self._was_open = self._was_open or self.is_open
        if not self._was_open and at_ns - self._started_ns > CONNECT_TIMEOUT_NS:
            return "never opened"
        return None
