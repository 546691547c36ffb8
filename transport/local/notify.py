"""Tells systemd that a service is ready and alive: sd_notify(3) with the standard library.

Only the process that systemd started speaks: what inherits the environment stays silent, because
one live process must not vouch for a hung one.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

_ABSTRACT = "@"


class ServiceWatch:
    """Silent unless systemd asked (NOTIFY_SOCKET; for the watchdog WATCHDOG_USEC)."""

    def __init__(self, address: str = "", period_ns: int = 0) -> None:
        """`period_ns` 0: no watchdog is asked for."""
        self._period_ns = period_ns
        self._due_ns = 0
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            name = f"\0{address[1:]}" if address.startswith(_ABSTRACT) else address
            with contextlib.suppress(OSError):
                self._socket.connect(name)

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> ServiceWatch:
        """As systemd asks in the environment of process `pid`.

        The period is half of WatchdogSec, as sd_watchdog_enabled(3) recommends.
        """
        asked = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        if not mine:
            return cls()
        period_ns = int(asked) * 1000 // 2 if asked.isascii() and asked.isdigit() else 0
        return cls(environment.get("NOTIFY_SOCKET", ""), period_ns)

    def ready(self) -> None:
        """The service works."""
        self._send("READY=1")

    def alive(self, now_ns: int) -> bool:
        """Renew the watchdog when half of its time has passed; True: it was renewed."""
        if not self._period_ns or now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + self._period_ns
        self._send("WATCHDOG=1")
        return True

    def stopping(self) -> None:
        """The service ends in order."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            # A manager that does not listen must not hold up a session; it sees the silence.
            with contextlib.suppress(OSError):
                self._socket.send(text.encode())


def of_this_process() -> ServiceWatch:
    """The watch of this process."""
    return ServiceWatch.of(os.environ, os.getpid())
