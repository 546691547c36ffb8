"""When guard has to end: told to (SIGTERM), or its supervisor is gone (life pipe at its end)."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN,
           signal.SIGTTOU)  # fmt: skip
"""What a terminal may send: none of it may stop or end guard behind the supervisor's back."""


class GuardLife:
    """`told` and `orphaned` are different: the first is in order, the second is a SAFE_STOP."""

    def __init__(self, life_fd: int | None) -> None:
        self._fd = life_fd
        self.told = False
        self.orphaned = False
        if life_fd is not None:
            os.set_blocking(life_fd, False)
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self.told = True

    def look(self) -> None:
        """Look at the pipe; an open, silent pipe means that the supervisor lives."""
        if self._fd is None or self.orphaned:
            return
        with contextlib.suppress(BlockingIOError):
            self.orphaned = os.read(self._fd, 64) == b""
