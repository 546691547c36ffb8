"""When a loop process has to leave: SIGTERM, or its supervisor is gone (life pipe at its end)."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType


class Life:
    """Ask `leaving()` once per cycle. SIGINT is ignored: the supervisor handles Ctrl-C."""

    def __init__(self, life_fd: int | None) -> None:
        self._fd = life_fd
        self._leave = False
        if life_fd is not None:
            os.set_blocking(life_fd, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._leave = True

    def leaving(self) -> bool:
        """True from the moment on that this process should end in order."""
        if not self._leave and self._fd is not None:
            # An open, silent pipe means that the supervisor lives.
            with contextlib.suppress(BlockingIOError):
                self._leave = os.read(self._fd, 64) == b""
        return self._leave
