"""Ctrl-C, SIGTERM and SIGHUP as a counter that wakes the supervisor's poll."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType, TracebackType
from typing import Any

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """While entered, stop signals only count; `fd` becomes readable with each one."""

    def __init__(self) -> None:
        self.count = 0
        self.fd, self._write_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._write_fd, False)
        self._old: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        """Take over the stop signals."""
        for number in HANDLED:
            self._old[number] = signal.signal(number, self._handle)
        return self

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the poll as well
            os.write(self._write_fd, b"!")

    def drain(self) -> None:
        """Empty the wake-up pipe."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 64):
                pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, old in self._old.items():
            signal.signal(number, old)
        os.close(self.fd)
        os.close(self._write_fd)
