"""UDP sockets for native consoles: one per link; heartbeats and telemetry go out here.

What comes in is read by the process `uplink`, in real time and with the keys of the upward
direction only (`teleop/uplink/`). This door tells it who may send, and learns from it what came. A
console that knows its session's keys sends first; answers go where its newest good datagram came
from, so that it may change its address (a handover) without asking.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teleop import channels
from teleop.config import Link
from teleop.gateway.uplink import UplinkLine
from teleop.uplink import messages
from teleop.uplink.messages import Address, Arrival, Flow, Table, encode_table
from transport.datagrams import Direction, Kind, Sealer, derive_key
from transport.dscp import TrafficClass
from transport.local.clock import now_ns
from transport.webrtc.ice import mark_socket

Take = Callable[[Arrival], object]
"""What a console sent, already authenticated; frames have gone to guard."""
SILENT_NS = 1_000_000_000
"""A console that sends nothing for so long gets nothing."""
BUFFER_BYTES = 16_384
"""Of each socket; Linux doubles it: about 40 commands. More would only be older than 50 ms."""
READ_AT_ONCE = 256


@dataclass(slots=True)
class _Flow:
    """One console on one link."""

    key: bytes
    sealer: Sealer
    address: Address | None = None
    heard_ns: int = 0
    newest: tuple[int, int] = (-1, -1)
    """Epoch and number."""


def _bound(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    try:
        one.bind((address, 0))
    except OSError:
        one.close()
        raise
    mark_socket(one, TrafficClass.COMMAND)
    return one


class DatagramDoor:
    """All sockets and all consoles that may use them."""

    def __init__(self, run_dir: Path, take: Take) -> None:
        self._take = take
        self._sockets: list[socket.socket] = []
        self._flows: dict[tuple[int, int], _Flow] = {}
        """By session and link."""
        self._drives = 0
        self._table = encode_table(Table())
        self.line = UplinkLine(run_dir / messages.SOCKET)
        self._arrivals = channels.ring_reader(
            run_dir, channels.DATAGRAM_ARRIVALS, from_oldest=False
        )

    def open(self, links: tuple[Link, ...], host: str) -> list[int]:
        """Bind one socket per link; return the ports. OSError: not possible."""
        self._sockets += [_bound(link.address or host) for link in links]
        return [int(one.getsockname()[1]) for one in self._sockets]

    def admit(self, session: int, token: str, nonce: str) -> None:
        """A native console joined: from now on its newest keys count."""
        up, down = (derive_key(token, nonce, d) for d in (Direction.UP, Direction.DOWN))
        for link in range(len(self._sockets)):
            self._flows[session, link] = _Flow(up, Sealer(down, session, now_ns()))
        self._changed()

    def dismiss(self, session: int) -> None:
        """The console left."""
        gone = [self._flows.pop((session, link), None) for link in range(len(self._sockets))]
        if any(gone):
            self._changed()

    def follow(self, drives: int, at_ns: int) -> None:
        """Take what came, and let uplink know whose frames count (`drives`; 0: nobody's)."""
        for _, data in self._arrivals.read(READ_AT_ONCE):
            self._came(messages.unpack(data))
        gone = not self.line.watch()
        if gone or drives != self._drives:
            self._drives = drives
            self._changed()
        else:
            self._tell(at_ns)

    def _changed(self) -> None:
        """What uplink is told from now on; a restarted one must know which numbers are spent."""
        flows = tuple(
            Flow(session, link, flow.key, *flow.newest)
            for (session, link), flow in self._flows.items()
        )
        self._table = encode_table(Table(self._drives, flows))
        self._tell(now_ns())

    def _tell(self, at_ns: int) -> None:
        if self._sockets:
            self.line.keep(self._table, [one.fileno() for one in self._sockets], at_ns)

    def _came(self, arrival: Arrival) -> None:
        flow = self._flows.get((arrival.session, arrival.link))
        if flow is None:
            return  # it left meanwhile
        if arrival.at_ns >= flow.heard_ns:
            flow.address, flow.heard_ns = arrival.address, arrival.at_ns
        flow.newest = max(flow.newest, (arrival.epoch, arrival.number))
        self._take(arrival)

    def send(self, kind: Kind, body: bytes, at_ns: int, session: int = 0) -> None:
        """Send to every console that is there (or that of `session`), over each of its links.

        Now or not at all: a link that is down or full gets the next one.
        """
        for (owner, link), flow in self._flows.items():
            if session not in (0, owner):
                continue
            if flow.address is not None and at_ns - flow.heard_ns <= SILENT_NS:
                with contextlib.suppress(OSError):
                    data = flow.sealer.seal(kind, body, at_ns)
                    self._sockets[link].sendto(data, flow.address)

    def close(self) -> None:
        """Close all sockets."""
        self.line.close()
        for one in self._sockets:
            one.close()
        self._sockets.clear()
        self._flows.clear()
