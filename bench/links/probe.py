"""Measures a link from outside: numbered, stamped datagrams from one end to the other.

`python -m bench.links.probe receive ADDRESS` on the robot's side, `... send ADDRESS` on the
console's side. Both ends read the same clock (CLOCK_MONOTONIC of one machine), so one-way delay is
exact. For example:

    python -m bench.links --profile 5g --robot "python -m bench.links.probe receive {robot}" \
        -- python -m bench.links.probe send {robot} --wait 1
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from transport.local.clock import now_ns, sleep_until

PORT = 9777
_BODY = struct.Struct("<IqI")
"""Index, time sent (ns), CRC-32 of both and the padding."""
END = 0xFFFF_FFFF
END_MARKS = 60
"""Repeated, because the link may lose them."""
END_MARK_GAP_NS = 5_000_000
PATIENCE_S = 60.0


@dataclass(slots=True)
class Arrivals:
    """What came out at the far end."""

    index: list[int] = field(default_factory=list)
    sent_ns: list[int] = field(default_factory=list)
    arrived_ns: list[int] = field(default_factory=list)
    damaged: int = 0


def datagram(index: int, sent_ns: int, size_bytes: int) -> bytes:
    """One datagram of `size_bytes` (at least 16)."""
    padding = bytes(max(0, size_bytes - _BODY.size))
    crc = zlib.crc32(padding, zlib.crc32(struct.pack("<Iq", index, sent_ns)))
    return _BODY.pack(index, sent_ns, crc) + padding


def parse(data: bytes) -> tuple[int, int] | None:
    """Index and time sent; None: damaged."""
    if len(data) < _BODY.size:
        return None
    index, sent_ns, crc = _BODY.unpack_from(data)
    right = zlib.crc32(data[_BODY.size :], zlib.crc32(struct.pack("<Iq", index, sent_ns)))
    return (index, sent_ns) if crc == right else None


def send(target: tuple[str, int], count: int, rate_hz: float, size_bytes: int) -> None:
    """Send `count` datagrams on schedule, then the end marks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        due_ns = now_ns()
        for index in range(count):
            sleep_until(due_ns)
            out.sendto(datagram(index, now_ns(), size_bytes), target)
            due_ns += round(1e9 / rate_hz)
        for _ in range(END_MARKS):
            due_ns += END_MARK_GAP_NS
            sleep_until(due_ns)
            out.sendto(datagram(END, now_ns(), size_bytes), target)


def receive(address: tuple[str, int]) -> Arrivals:
    """Collect until the first end mark; says `ready` on standard output when it listens."""
    got = Arrivals()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        port.bind(address)
        port.settimeout(PATIENCE_S)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            data = port.recv(65_535)
            arrived_ns = now_ns()
            parsed = parse(data)
            if parsed is None:
                got.damaged += 1
            elif parsed[0] == END:
                return got
            else:
                got.index.append(parsed[0])
                got.sent_ns.append(parsed[1])
                got.arrived_ns.append(arrived_ns)


def summary(got: Arrivals) -> str:
    """One line."""
    delays = sorted((b - a) / 1e6 for a, b in zip(got.sent_ns, got.arrived_ns, strict=True))
    if not delays:
        return f"nothing arrived intact, {got.damaged} damaged\n"
    p50, p99, p999 = (
        delays[min(len(delays) - 1, int(q * len(delays)))] for q in (0.5, 0.99, 0.999)
    )
    unique = len(set(got.index))
    return (
        f"{unique} of {max(got.index) + 1} arrived, {len(got.index) - unique} twice, "
        f"{got.damaged} damaged; one way p50 {p50:.2f}, p99 {p99:.2f}, p99.9 {p999:.2f}, "
        f"max {delays[-1]:.2f} ms\n"
    )


def main() -> int:
    """Send or receive."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.links.probe",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("address")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=200.0, help="datagrams per second")
    parser.add_argument("--size", type=int, default=128, help="bytes")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds before the first one")
    parser.add_argument("--out", type=Path, help="every arrival (JSON)")
    options = parser.parse_args()  # fmt: skip
    target = (options.address, options.port)
    if options.role == "send":
        sleep_until(now_ns() + round(options.wait * 1e9))
        send(target, options.count, options.rate, options.size)
        return 0
    got = receive(target)
    if options.out is not None:
        options.out.write_bytes(msgspec.json.encode(got))
    sys.stdout.write(summary(got))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
