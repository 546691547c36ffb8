"""Ends of the command path: `python -m bench.latency.command serve|send CARRIER RATE_HZ OUT`.

Carriers: `channel`, the data channel of the product (unordered, no retransmits, newest replaces);
`datagrams`, the product's authenticated datagrams (`bench/latency/uplink.py`); `udp`, bare
datagrams between two real-time processes: the floor. A message has the size of a safety frame and
carries its number and the time of sending; the server notes the arrival.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.latency.ends import Lines
from safety.messages import FRAME_BYTES
from transport.local.clock import now_ns
from transport.local.loop import Cycle
from transport.local.realtime import go_real_time

HEAD = struct.Struct("<qq")
PADDING = bytes(FRAME_BYTES - HEAD.size)
PRIORITY = 30
"""Below servo and guard (docs/architecture.md), above everything that is not real time."""
MOST = 1 << 16


class CommandLog(msgspec.Struct, frozen=True):
    """What the server noted, or how many the client sent."""

    arrivals: list[tuple[int, int, int]] = []
    """Number, sent ns, arrived ns."""
    sent: int = 0
    real_time: bool = False
    cpu_percent: float = -1.0
    """Of the process that received, where that is not the server; else -1."""
    woke_us: tuple[float, ...] = ()
    """p50, p99, p99.9 from the kernel's receipt to the process, where it is known."""


def message(number: int) -> bytes:
    """A message that leaves now."""
    return HEAD.pack(number, now_ns()) + PADDING


def store(path: Path, log: CommandLog) -> None:
    """Write a log."""
    path.write_bytes(msgspec.json.encode(log))


def read(path: Path) -> CommandLog:
    """Read a log."""
    return msgspec.json.decode(path.read_bytes(), type=CommandLog)


async def serve_channel(_rate_hz: float, out: Path) -> None:
    """Answer the offer, note commands until told to stop."""
    from transport.webrtc.data import DataServer

    lines, arrivals = await Lines.open(), []

    def take(data: bytes | str) -> None:
        assert isinstance(data, bytes)
        arrivals.append((*HEAD.unpack_from(data), now_ns()))

    server = DataServer(take, lambda reason: None)
    lines.write(sdp=await server.answer(str((await lines.read())["sdp"])))
    await lines.read()
    store(out, CommandLog(arrivals))
    await server.close()


async def send_channel(rate_hz: float, out: Path) -> None:
    """Offer, then send on schedule until told to stop."""
    from transport.webrtc.data import DataClient

    lines, client = await Lines.open(), DataClient(lambda data: None, lambda data: None)
    lines.write(sdp=await client.offer())
    await client.accept(str((await lines.read())["sdp"]))
    await client.opened()
    lines.write(open=True)
    stop = asyncio.ensure_future(lines.read())
    number, due_ns, period_ns = 0, now_ns(), round(1e9 / rate_hz)
    while not stop.done():
        number += client.send_command(message(number))
        due_ns = max(due_ns + period_ns, now_ns() - period_ns)
        await asyncio.sleep(max(0.0, (due_ns - now_ns()) / 1e9))
    store(out, CommandLog([], number))
    await client.close()


def until_told() -> Callable[[], bool]:
    """Whether a line, or the end of standard input, has come."""
    os.set_blocking(sys.stdin.fileno(), False)

    def told() -> bool:
        try:
            os.read(sys.stdin.fileno(), 64)
        except BlockingIOError:  # nothing has come
            return False
        return True

    return told


def serve_udp(_rate_hz: float, out: Path) -> None:
    """Say the port, note datagrams until told to stop."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("0.0.0.0", 0))
    link.settimeout(0.02)
    sys.stdout.write(json.dumps({"port": link.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    right, told = go_real_time(PRIORITY), until_told()
    arrivals: list[tuple[int, int, int]] = []
    while not told():
        try:
            data = link.recv(256)
        except TimeoutError:  # look whether to stop
            continue
        number, sent_ns = HEAD.unpack_from(data)
        arrivals.append((number, sent_ns, now_ns()))
    store(out, CommandLog(arrivals, 0, right.fifo))


def send_udp(rate_hz: float, out: Path) -> None:
    """Send bare datagrams on schedule, until told to stop."""
    send_on_schedule(rate_hz, out, message)


def send_on_schedule(rate_hz: float, out: Path, make: Callable[[int], bytes]) -> None:
    """Send what `make` makes of a number to the address of the first line, in real time."""
    to: dict[str, Any] = json.loads(sys.stdin.readline())
    address = (str(to["host"]), int(to["port"]))
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sys.stdout.write('{"open": true}\n')
    sys.stdout.flush()
    right, told = go_real_time(PRIORITY), until_told()
    cycle, number = Cycle(round(1e9 / rate_hz)), 0
    while not told():
        cycle.wait()
        link.sendto(make(number), address)
        number += 1
    store(out, CommandLog([], number, right.fifo))


ASYNC = {
    ("serve", "channel"): serve_channel, ("send", "channel"): send_channel,
}  # fmt: skip
PLAIN = {("serve", "udp"): serve_udp, ("send", "udp"): send_udp}

if __name__ == "__main__":
    end, carrier, rate, target = sys.argv[1:]
    if (end, carrier) in ASYNC:
        import uvloop

        uvloop.run(ASYNC[end, carrier](float(rate), Path(target)))
    else:
        PLAIN[end, carrier](float(rate), Path(target))
    os._exit(0)
