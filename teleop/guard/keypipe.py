"""Keys for command frames, from the keys process through a pipe that guard inherited."""

from __future__ import annotations

import contextlib
import os

from safety.authentic import KEY_RECORD, KeyRing
from safety.states import Authenticity

MOST_RECORDS = 64


class KeyPipe:
    """Reads keys without ever waiting; without a pipe no frame is genuine."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._rest = b""
        self.ring = KeyRing()
        if fd is not None:
            os.set_blocking(fd, False)

    def look(self) -> None:
        """Take the keys that came. Records are written whole, so nothing is ever out of step."""
        if self._fd is None:
            return
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, KEY_RECORD.size * MOST_RECORDS)
        data = self._rest + data
        whole = len(data) - len(data) % KEY_RECORD.size
        for at in range(0, whole, KEY_RECORD.size):
            self.ring.put(data[at : at + KEY_RECORD.size])
        self._rest = data[whole:]

    def judge(self, frame: bytes) -> Authenticity:
        """Whether this frame was made by the console of its session."""
        self.look()
        return self.ring.judge(frame)
