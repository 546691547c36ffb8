"""The terminal: is there one for the bedside key, and is it as before at the end."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator


def has_terminal() -> bool:
    """A controlling terminal whose keys guard can read."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return sys.stdin.isatty()


@contextlib.contextmanager
def terminal_kept() -> Iterator[None]:
    """Put the terminal back as it was, even when guard (which reads its keys) was killed."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
