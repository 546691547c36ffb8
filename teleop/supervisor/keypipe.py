"""The pipe from keys to guard: both inherit an end, so that no other process can speak in it.

The supervisor keeps both ends open: either process may be started anew.
"""

from __future__ import annotations

import os


class KeyPipe:
    """Arguments and descriptors for the two processes."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def guard_arguments(self) -> tuple[str, ...]:
        """Guard reads keys here."""
        return ("--keys", str(self._read))

    def keys_arguments(self) -> tuple[str, ...]:
        """The keys process writes here."""
        return ("--guard-pipe", str(self._write))

    def fds(self) -> dict[str, tuple[int, ...]]:
        """Which process inherits which end."""
        return {"guard": (self._read,), "keys": (self._write,)}

    def close(self) -> None:
        """The processes have ended."""
        os.close(self._read)
        os.close(self._write)
