"""UDP sockets for native consoles: commands in, heartbeats and telemetry out, one per link.

A console that knows its session's keys sends first; answers go where its newest good datagram came
from, so that it may change its address (a handover) without asking.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teleop.config import Link
from transport.datagrams import (
    Direction,
    Kind,
    Opener,
    Refusal,
    Sealer,
    derive_key,
    session_of,
)
from transport.dscp import TrafficClass
from transport.local.clock import now_ns
from transport.rates import TokenBucket
from transport.webrtc.ice import mark_socket

Take = Callable[[int, int, bytes, int], bool]
"""(session, link, message, time): what a console sent, already authenticated."""
RATE_HZ = 2000.0
"""Per socket, before any signature is computed."""
BURST = 400.0
SILENT_NS = 1_000_000_000
"""A console that sends nothing for so long gets nothing."""
READ_AT_ONCE = 32
READ_BYTES = 2048
Address = Any
"""As `socket` gives it: (host, port) and, for IPv6, two more."""


@dataclass(slots=True)
class _Flow:
    """One console on one link."""

    opener: Opener
    sealer: Sealer
    address: Address | None = None
    heard_ns: int = 0


class _Socket:
    """One bound UDP socket; hands what arrives on its link to `arrived`."""

    def __init__(
        self, address: str, link: int, arrived: Callable[[int, bytes, Address, int], None]
    ) -> None:
        self._link = link
        self._arrived = arrived
        self._bucket = TokenBucket(RATE_HZ, BURST, now_ns())
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((address, 0))
        except OSError:
            self._socket.close()
            raise
        mark_socket(self._socket, TrafficClass.COMMAND)
        self.port = int(self._socket.getsockname()[1])
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        """Anything that anybody sent, a few at a time."""
        for _ in range(READ_AT_ONCE):
            try:
                data, address = self._socket.recvfrom(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # the far end of an earlier datagram is gone (ICMP)
            at_ns = now_ns()
            if self._bucket.take(at_ns):
                self._arrived(self._link, data, address, at_ns)

    def send(self, data: bytes, address: Address) -> None:
        """Send now or not at all: a link that is down or full gets the next one."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, address)

    def close(self) -> None:
        """Close the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


class DatagramDoor:
    """All sockets and all consoles that may use them."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._sockets: list[_Socket] = []
        self._flows: dict[tuple[int, int], _Flow] = {}
        """By session and link."""
        self.refused = dict.fromkeys(Refusal, 0)

    def open(self, links: tuple[Link, ...], host: str) -> list[int]:
        """Bind one socket per link; return the ports. OSError: not possible."""
        for number, link in enumerate(links):
            self._sockets.append(_Socket(link.address or host, number, self.arrived))
        return [one.port for one in self._sockets]

    def admit(self, session: int, token: str, nonce: str) -> None:
        """A native console joined: from now on its newest keys count."""
        up, down = (derive_key(token, nonce, d) for d in (Direction.UP, Direction.DOWN))
        for link in range(len(self._sockets)):
            self._flows[session, link] = _Flow(Opener(up, session), Sealer(down, session, now_ns()))

    def dismiss(self, session: int) -> None:
        """The console left."""
        for link in range(len(self._sockets)):
            self._flows.pop((session, link), None)

    def arrived(self, link: int, data: bytes, address: Address, at_ns: int) -> None:
        """Judge one datagram; nothing of a bad one is used."""
        flow = self._flows.get((session := session_of(data), link))
        if flow is None:
            self.refused[Refusal.SESSION] += 1
            return
        opened = flow.opener.open(data, at_ns)
        if isinstance(opened, Refusal) or opened.kind is not Kind.COMMAND:
            self.refused[opened if isinstance(opened, Refusal) else Refusal.FORMAT] += 1
            return
        flow.address, flow.heard_ns = address, at_ns
        self._take(session, link, opened.body, at_ns)

    def send(self, kind: Kind, body: bytes, at_ns: int, session: int = 0) -> None:
        """Send to every console that is there (or that of `session`), over each of its links."""
        for (owner, link), flow in self._flows.items():
            if session not in (0, owner):
                continue
            if flow.address is not None and at_ns - flow.heard_ns <= SILENT_NS:
                self._sockets[link].send(flow.sealer.seal(kind, body, at_ns), flow.address)

    def close(self) -> None:
        """Close all sockets."""
        for one in self._sockets:
            one.close()
        self._sockets.clear()
        self._flows.clear()
