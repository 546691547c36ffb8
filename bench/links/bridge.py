"""Emulator process for real packets: joins pairs of TUN devices, one pair per link.

`python -m bench.links.bridge FD FD [FD FD ...]`: inherited descriptors of the TUN devices, robot's
end and console's end of each link. Link k is the network 10.77.k.0/24.
"""

from __future__ import annotations

import os
import sys

from bench.links.packets import belongs, corrupt_ip
from bench.links.pump import Pump, Reader, read_begin

MAX_PACKET = 65_536
UP, DOWN = 0, 1


def network_of(link: int) -> bytes:
    """First three bytes of the addresses of a link."""
    return bytes((10, 77, link))


def _reader(pump: Pump, link: int, direction: int, source: int, sink: int) -> Reader:
    net = network_of(link)

    def send(packet: bytes) -> None:
        os.write(sink, packet)

    def read() -> bool:
        try:
            packet = os.read(source, MAX_PACKET)
        except BlockingIOError:
            return False
        if belongs(packet, net):
            pump.carry(link, direction, packet, len(packet), send)
        else:
            pump.stray += 1
        return True

    return read


def main() -> int:
    """Carry packets until standard input ends."""
    descriptors = [int(text) for text in sys.argv[1:]]
    pump = Pump(read_begin(), "bridge", corrupt_ip)
    ends = list(zip(descriptors[::2], descriptors[1::2], strict=True))
    if len(ends) != len(pump.begin.links):
        raise SystemExit(f"{len(pump.begin.links)} links need as many pairs of descriptors")
    for link, (robot, console) in enumerate(ends):
        os.set_blocking(robot, False)
        os.set_blocking(console, False)
        pump.read_from(console, _reader(pump, link, UP, console, robot))
        pump.read_from(robot, _reader(pump, link, DOWN, robot, console))
    pump.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
