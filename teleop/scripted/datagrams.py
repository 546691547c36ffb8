"""A native console's datagrams on one link: frames up, heartbeats and telemetry down."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from teleop.scripted.client import PageClient
from teleop.scripted.lane import Hearing
from transport.datagrams import MAX_BYTES, Direction, Kind, Opener, Refusal, Sealer
from transport.dscp import TrafficClass
from transport.local.clock import now_ns
from transport.repeat import unmarked
from transport.schema import HEARTBEAT
from transport.webrtc.ice import mark_socket

READ_AT_ONCE = 32


class DatagramLane:
    """One connected UDP socket. Keys are those of the newest join."""

    def __init__(self, page: PageClient, session: int, hearing: Hearing) -> None:
        self._hearing = hearing
        self._sealer = Sealer(page.datagram_key(Direction.UP), session, now_ns())
        self._opener = Opener(page.datagram_key(Direction.DOWN), session)
        self._socket: socket.socket | None = None
        self.heard = 0
        """Heartbeats that came this way."""
        self.heard_ns = 0
        self.refused = 0

    def open(self, address: str, port: int, own_address: str) -> None:
        """Connect to the robot's port on this link; OSError: not possible."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.setblocking(False)
        try:
            if own_address:
                one.bind((own_address, 0))
            one.connect((address, port))
        except OSError:
            one.close()
            raise
        mark_socket(one, TrafficClass.COMMAND)
        self._socket = one
        asyncio.get_running_loop().add_reader(one, self._read, one)

    def _read(self, one: socket.socket) -> None:
        for _ in range(READ_AT_ONCE):
            try:
                data = one.recv(MAX_BYTES + 1)
            except BlockingIOError:
                return
            except OSError:
                continue  # the robot's port is closed for now (ICMP)
            self._take(data)

    def _take(self, data: bytes) -> None:
        opened = self._opener.open(data, now_ns())
        if isinstance(opened, Refusal):
            self.refused += 1
        elif opened.kind is Kind.HEARTBEAT:
            self.heard += 1
            self.heard_ns = now_ns()
            self._hearing.heartbeat(unmarked(opened.body, HEARTBEAT.size)[0])
        elif opened.kind is Kind.TELEMETRY:
            self._hearing.telemetry(opened.body)

    def send(self, message: bytes) -> None:
        """Send now or not at all: a link that is down or full gets the next one."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(self._sealer.seal(Kind.COMMAND, message, now_ns()))

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
