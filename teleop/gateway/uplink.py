"""The line to uplink: gives it the sockets, and who may send, until it has the newest table."""

from __future__ import annotations

import socket
from pathlib import Path

RETRY_NS = 100_000_000


class UplinkLine:
    """Never waits: what cannot be sent now is sent at the next call."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._line: socket.socket | None = None
        self._told: bytes | None = None
        self._retry_ns = 0
        self.calls = 0
        """How often uplink was reached: more than once, it was restarted."""

    def keep(self, table: bytes, fds: list[int], at_ns: int) -> None:
        """Make sure that uplink has `table`, and `fds` if it is a new one."""
        if self._line is not None and table == self._told:
            return
        if self._line is None and not self._call(at_ns):
            return
        self._send(table, fds if self._told is None else [])

    def watch(self) -> bool:
        """False: uplink is gone (the next `keep` calls again)."""
        if self._line is None:
            return False
        try:
            self._line.recv(1)  # it never says anything: bytes or an end are both the end
        except BlockingIOError:
            return True
        except OSError:
            pass  # reset: it was killed
        self.close()
        return False

    def _call(self, at_ns: int) -> bool:
        if at_ns < self._retry_ns:
            return False
        self._retry_ns = at_ns + RETRY_NS
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        line.setblocking(False)
        try:
            line.connect(self._path)
        except OSError:  # it is starting, or was restarted
            line.close()
            return False
        self._line, self._told = line, None
        self.calls += 1
        return True

    def _send(self, table: bytes, fds: list[int]) -> None:
        assert self._line is not None
        try:
            socket.send_fds(self._line, [table], fds)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        self._told = table

    def close(self) -> None:
        """Hang up: uplink hears nobody from then on."""
        if self._line is not None:
            self._line.close()
            self._line, self._told = None, None
