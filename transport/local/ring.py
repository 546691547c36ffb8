"""Broadcast ring in shared memory: one writer that never waits, readers that count what they lost.

The writer overwrites the oldest slot; a reader that fell behind sees a gap in the sequence numbers
and counts it. Used for the log of every step and for the index of video frames.
"""

from __future__ import annotations

from pathlib import Path

from transport.local.mailbox import Slots


class RingWriter:
    """Appends byte records of at most `payload_size` bytes."""

    def __init__(self, path: Path, payload_size: int, slots: int) -> None:
        self._slots = Slots(path, payload_size, slots)
        self._seq = self._slots.newest()

    def write(self, payload: bytes) -> int:
        """Append one record; return its sequence number."""
        self._seq += 1
        self._slots.put(self._seq % self._slots.count, self._seq, payload)
        return self._seq

    def close(self) -> None:
        """Unmap the file."""
        self._slots.close()


class RingReader:
    """Reads records in order; `lost` counts those overwritten before they were read."""

    def __init__(self, path: Path, payload_size: int, slots: int, *, from_oldest: bool) -> None:
        self._slots = Slots(path, payload_size, slots)
        newest = self._slots.newest()
        oldest = max(1, newest - slots + 1)
        self._next = oldest if from_oldest else newest + 1
        self.lost = 0

    def read(self, limit: int = 1 << 30) -> list[tuple[int, bytes]]:
        """Return up to `limit` new (sequence, payload) records, oldest first."""
        out: list[tuple[int, bytes]] = []
        while len(out) < limit:
            index = self._next % self._slots.count
            item = self._slots.get(index)
            if item is not None and item[0] == self._next:
                out.append(item)
                self._next += 1
            elif not self._skip_overwritten(index):
                break
        return out

    def _skip_overwritten(self, index: int) -> bool:
        """Jump to the oldest record still there when ours was overwritten; False: wait."""
        seen = self._slots.seq_at(index)
        if seen <= self._next:
            return False
        newest = self._slots.newest()
        resume = newest - self._slots.count + 2  # the oldest slot may be overwritten right now
        if resume <= self._next:
            return False
        self.lost += resume - self._next
        self._next = resume
        return True

    def close(self) -> None:
        """Unmap the file."""
        self._slots.close()
