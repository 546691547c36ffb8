"""The line from gateway: tables, and with the first one the UDP sockets.

Without it nobody is heard: when gateway is gone, sockets and keys go, too.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import msgspec

from teleop.uplink.messages import MOST_BYTES, MOST_LINKS, SOCKET, Table, decode_table


class TableError(ValueError):
    """Gateway sent something that is no table."""


def _table(data: bytes, flags: int) -> Table:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise TableError(f"cut at {MOST_BYTES} bytes or {MOST_LINKS} sockets")
    try:
        return decode_table(data)
    except msgspec.MsgspecError as error:
        raise TableError(str(error)) from error


class Control:
    """Listens in the run folder; one gateway at a time, the newest."""

    def __init__(self, run_dir: Path) -> None:
        path = run_dir / SOCKET
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.setblocking(False)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(2)
        self._line: socket.socket | None = None

    def listener(self) -> int:
        """Descriptor that is readable when a gateway calls."""
        return self._listener.fileno()

    def accept(self) -> int:
        """Take the call (an earlier one has been hung up); its descriptor, -1: nobody calls."""
        try:
            line, _ = self._listener.accept()
        except OSError:  # it has hung up already
            return -1
        line.setblocking(False)
        self._line = line
        return line.fileno()

    def read(self) -> tuple[Table, list[socket.socket]] | None:
        """A table and the sockets that came with it. None: gateway is gone.

        TableError: what came is no table; hang up, gateway calls again.
        """
        if self._line is None:
            return None
        try:
            data, fds, flags, _ = socket.recv_fds(self._line, MOST_BYTES, MOST_LINKS)
        except OSError:  # reset: gateway was killed
            return None
        if not data and not fds:
            return None
        sockets = [socket.socket(fileno=fd) for fd in fds]
        try:
            return _table(data, flags), sockets
        except TableError:
            for one in sockets:
                one.close()
            raise

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def close(self) -> None:
        """Close everything."""
        self.hang_up()
        self._listener.close()
