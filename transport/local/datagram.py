"""Unix datagrams for events between processes: bounded, never blocking, losses counted."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path


class DatagramReceiver:
    """Non-blocking receiver bound to a path (mode 0600 in the run folder)."""

    def __init__(self, path: Path, limit: int = 4096) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._limit = limit
        path.chmod(0o600)

    def fileno(self) -> int:
        """File descriptor, for select and event loops."""
        return self._socket.fileno()

    def receive(self, most: int = 16) -> list[bytes]:
        """Return up to `most` waiting datagrams; longer ones than the limit are cut off."""
        out: list[bytes] = []
        while len(out) < most:
            try:
                out.append(self._socket.recv(self._limit))
            except BlockingIOError:
                break
        return out

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class DatagramSender:
    """Non-blocking sender; `lost` counts what the receiver could not take."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.lost = 0

    def send(self, payload: bytes) -> bool:
        """Send one datagram; False (and counted) when nobody takes it now."""
        try:
            self._socket.sendto(payload, self._path)
        except OSError:
            self.lost += 1
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
