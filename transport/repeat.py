"""On a single link each command and each heartbeat goes out a second time, a little later (pure).

The first copy that arrives counts, so that one lost packet costs 2 ms and not a slot of the
watchdog. Losses come in bursts (Gilbert and Elliott), so that a copy right behind the original
would often share its fate; RFC 2198 spaces redundant audio for the same reason. The copy is the
message with one more byte at its end: who counts the losses of a link must know what it counts.
"""

from __future__ import annotations

MS = 1_000_000
MARK = b"\x01"
"""Ends a message that was sent before; every message of ours has a fixed size without it."""


def marked(message: bytes) -> bytes:
    """The second copy of `message`, as it is sent."""
    return message + MARK


def unmarked(data: bytes, size: int) -> tuple[bytes, bool]:
    """(message, it is a second copy) of what arrived; `size`: bytes of such a message."""
    if len(data) == size + 1 and data.endswith(MARK):
        return data[:size], True
    return data, False


class Repeat:
    """Holds the newest message until it is due a second time. `after_ms` 0: never.

    A newer message takes the place of one that still waits: what was overtaken is not repeated.
    """

    def __init__(self, after_ms: float) -> None:
        self._after_ns = round(after_ms * MS)
        self._message: bytes | None = None
        self._due_ns = 0

    def sent(self, message: bytes, now_ns: int) -> None:
        """`message` has just been sent for the first time."""
        if self._after_ns > 0:
            self._message, self._due_ns = message, now_ns + self._after_ns

    def take(self, now_ns: int, early_ns: int = 0) -> bytes | None:
        """The copy that is due, once. `early_ns`: how early a coarse clock may take it."""
        if self._message is None or now_ns < self._due_ns - early_ns:
            return None
        message, self._message = self._message, None
        return marked(message)
