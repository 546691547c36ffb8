"""Accepts connections of one listener, and ends those that may not come before their handshake."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable

from teleop.tasks import end_tasks

TLS_HANDSHAKE_S = 5.0
AT_ONCE = 16
"""Turned away before the event loop goes on with commands."""
PACE_S = 0.01
"""From one handshake to the next: many at once would hold commands for as long as all of them take
(2 to 3 ms each). A page with its six connections waits 50 ms longer."""
PAUSE_S = 1.0
"""Without file descriptors or memory accepting fails until something is closed."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Admit = Callable[[str], bool]
Make = Callable[[], asyncio.BaseProtocol]


class Entrance:
    """One listening socket; `admit` judges the peer's address, `make` gives its protocol."""

    def __init__(
        self, listener: socket.socket, tls: ssl.SSLContext | None, admit: Admit, make: Make
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._admit = admit
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._open()

    async def close(self) -> None:
        """Accept nothing more; connections that are there go on."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        await end_tasks(self._coming)

    def _open(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    return self._rest(PAUSE_S)
                continue  # the peer left before it was accepted
            if self._admit(str(peer[0])):
                self._begin(connection)
                return self._rest(PACE_S)
            connection.close()

    def _rest(self, seconds: float) -> None:
        """Leave the others in the kernel's queue for a while."""
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._open)

    def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        task = self._loop.create_task(self._handshake(connection))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _handshake(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._make,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=TLS_HANDSHAKE_S if self._tls else None,
            )
        except OSError:  # the peer's doing: left, too slow, or no TLS (ssl.SSLError is one as well)
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise
