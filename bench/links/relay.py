"""Emulator process without rights: relays UDP datagrams, one port per link.

`python -m bench.links.relay`. The console sends to a port of the relay; each of its addresses gets
a socket of its own towards the robot, so that answers find the way back.
"""

from __future__ import annotations

import socket

from bench.links.packets import UDP_OVER_IP_BYTES, flip_bit
from bench.links.pump import Pump, Reader, read_begin

MAX_DATAGRAM = 65_535
UP, DOWN = 0, 1
MAX_CLIENTS = 64
Address = tuple[str, int]


class Port:
    """One link: its port, and a socket towards the robot for each address of the console."""

    def __init__(self, pump: Pump, link: int, target: Address) -> None:
        self._pump = pump
        self._link = link
        self._target = target
        self._backs: dict[Address, socket.socket] = {}
        self._front = _socket()
        self._front.bind(("127.0.0.1", 0))
        self.number: int = self._front.getsockname()[1]
        pump.read_from(self._front.fileno(), self._read_front)

    def _read_front(self) -> bool:
        try:
            data, address = self._front.recvfrom(MAX_DATAGRAM)
        except BlockingIOError:
            return False
        back = self._back(address)
        if back is None:
            self._pump.stray += 1
        else:
            self._carry(UP, data, back)
        return True

    def _back(self, address: Address) -> socket.socket | None:
        """The socket that stands for a console's address; None: too many of them."""
        if address not in self._backs and len(self._backs) < MAX_CLIENTS:
            back = _socket()
            back.connect(self._target)
            self._backs[address] = back
            self._pump.read_from(back.fileno(), self._back_reader(back, address))
        return self._backs.get(address)

    def _back_reader(self, back: socket.socket, address: Address) -> Reader:
        def send(data: bytes) -> None:
            self._front.sendto(data, address)

        def read() -> bool:
            try:
                data = back.recv(MAX_DATAGRAM)
            except (BlockingIOError, ConnectionRefusedError):
                return False  # refused: the robot does not listen (yet); datagrams are lost
            size_bytes = len(data) + UDP_OVER_IP_BYTES
            self._pump.carry(self._link, DOWN, data, size_bytes, send)
            return True

        return read

    def _carry(self, direction: int, data: bytes, sink: socket.socket) -> None:
        def send(shaped: bytes) -> None:
            sink.send(shaped)

        self._pump.carry(self._link, direction, data, len(data) + UDP_OVER_IP_BYTES, send)


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


def main() -> int:
    """Relay until standard input ends."""
    pump = Pump(read_begin(), "relay", flip_bit)
    if len(pump.begin.targets) != len(pump.begin.links):
        raise SystemExit("the relay needs one target per link")
    ports = [Port(pump, link, target) for link, target in enumerate(pump.begin.targets)]
    pump.run(tuple(port.number for port in ports))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
