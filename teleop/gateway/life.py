"""When the gateway has to leave: SIGTERM, or the supervisor is gone (life pipe at its end)."""

from __future__ import annotations

import asyncio
import os
import signal


class Life:
    """Sets `ended` when it is time to leave. SIGINT is the supervisor's business."""

    def __init__(self, loop: asyncio.AbstractEventLoop, life_fd: int | None) -> None:
        self.ended = asyncio.Event()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self.ended.set)
        if life_fd is not None:
            os.set_blocking(life_fd, False)
            loop.add_reader(life_fd, self._read, loop, life_fd)

    def _read(self, loop: asyncio.AbstractEventLoop, life_fd: int) -> None:
        try:
            alive = os.read(life_fd, 64) != b""
        except BlockingIOError:
            return
        if not alive:
            loop.remove_reader(life_fd)
            self.ended.set()
