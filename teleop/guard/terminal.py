"""A terminal read key by key: not line by line, without echo, Ctrl-C still for the supervisor."""

from __future__ import annotations

import os
import sys
import termios
from pathlib import Path
from typing import Any

_LOCAL, _CONTROL = 3, 6
"""Indices of local modes and control characters in termios attributes."""
_DISABLED = b"\x00"


class Terminal:
    """An open terminal in key-by-key mode."""

    def __init__(self, handle: int, before: list[Any]) -> None:
        self._handle = handle
        self._before = before

    @classmethod
    def open(cls, path: Path | None) -> Terminal | None:
        """Open `path` (None: the controlling terminal); None: there is no usable terminal."""
        for candidate in [str(path)] if path else _own_terminals():
            try:
                handle = os.open(candidate, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
            except OSError:
                continue  # the next candidate; none left means that there is no terminal
            opened = cls._prepare(handle, controlling=path is None)
            if opened is not None:
                return opened
            os.close(handle)
        return None

    @classmethod
    def _prepare(cls, handle: int, controlling: bool) -> Terminal | None:
        try:
            if controlling and os.tcgetpgrp(handle) != os.getpgrp():
                return None  # in the background: keys belong to somebody else
            before = termios.tcgetattr(handle)
            mode = termios.tcgetattr(handle)
            mode[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
            if controlling:
                mode[_LOCAL] |= termios.ISIG
            else:
                mode[_LOCAL] &= ~termios.ISIG
            mode[_CONTROL][termios.VMIN], mode[_CONTROL][termios.VTIME] = 1, 0
            mode[_CONTROL][termios.VSUSP] = _DISABLED  # Ctrl-Z would freeze the supervisor
            termios.tcsetattr(handle, termios.TCSANOW, mode)
        except (OSError, termios.error):
            return None
        before[_LOCAL] |= termios.ICANON | termios.ECHO  # a guard that was killed left it raw
        return cls(handle, before)

    def read(self, most: int) -> bytes | None:
        """Waiting bytes, none waiting: empty; None: the terminal is gone."""
        try:
            return os.read(self._handle, most) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def close(self) -> None:
        """Restore the modes and close."""
        try:
            termios.tcsetattr(self._handle, termios.TCSANOW, self._before)
        except (OSError, termios.error) as error:
            sys.stderr.write(f"guard: the terminal was gone before it was restored ({error})\n")
        os.close(self._handle)


def _own_terminals() -> list[str]:
    found = ["/dev/tty"]
    if os.isatty(0):
        found.append(os.ttyname(0))
    return found
