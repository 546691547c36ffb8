"""The UDP sockets, one per link: read one datagram at a time, no more than the rate allows.

Sockets belong to gateway, which sends through them. Over the rate a socket is left alone for a
moment: what comes meanwhile fills its small buffer and is dropped by the kernel, so that a flood
costs this process, which goes before most others, 2,000 short reads per second and no more. What
names no session that may send does not even get that far (`transport/local/kernel_filter.py`).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from teleop.uplink.messages import Address
from transport.datagrams import heads_of
from transport.local.clock import now_ns, wall_ns
from transport.local.kernel_filter import MAX_PEERS, attach, detach, only_starting_with
from transport.rates import TokenBucket

RATE_HZ = 2000.0
"""Per socket, before any signature is computed."""
BURST = 400.0
PAUSE_NS = 4_000_000
READ_BYTES = 2048
STALE_MOST = 256
_STAMP = 35
"""SO_TIMESTAMPNS and SCM_TIMESTAMPNS of Linux, socket(7): when the kernel received it."""
_TIMESPEC = struct.Struct("@ll")
_ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size)


@dataclass(frozen=True, slots=True)
class Received:
    """One datagram."""

    data: bytes
    address: Address
    at_ns: int
    waited_ns: int
    """Since the kernel had it; -1: the kernel did not say."""


class Port:
    """One socket."""

    def __init__(self, one: socket.socket, link: int) -> None:
        self._socket = one
        self.link = link
        self.resume_ns = 0
        """Not to be read before."""
        self._bucket = TokenBucket(RATE_HZ, BURST, now_ns())
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
        self._drain()

    def _drain(self) -> None:
        """What waited while nobody listened is of no use."""
        for _ in range(STALE_MOST):
            try:
                self._socket.recv(1)
            except BlockingIOError:
                return
            except OSError:
                continue  # the far end of an earlier answer is gone (ICMP)

    def admit(self, sessions: Iterable[int]) -> None:
        """From now on the kernel drops what does not claim to come from one of `sessions`."""
        chosen = set(sessions)
        if len(chosen) > MAX_PEERS:
            detach(self._socket)
        else:
            attach(self._socket, only_starting_with(*heads_of(chosen)))

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def read(self) -> Received | None:
        """The next datagram; None: there is none, or the rate is used up (see `resume_ns`)."""
        at_ns = now_ns()
        if not self._bucket.take(at_ns):
            self.resume_ns = at_ns + PAUSE_NS
            return None
        try:
            data, extra, _, address = self._socket.recvmsg(READ_BYTES, _ANCILLARY)
        except OSError:  # nothing there after all, or the far end of an answer is gone (ICMP)
            return None
        return Received(data, address, now_ns(), _waited(extra))

    def close(self) -> None:
        """Close our end; gateway has its own."""
        self._socket.close()


def _waited(extra: list[tuple[int, int, bytes]]) -> int:
    """How long a datagram lay in the socket."""
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, _STAMP) and len(data) == _TIMESPEC.size:
            seconds, rest = _TIMESPEC.unpack(data)
            stamp_ns = int(seconds) * 1_000_000_000 + int(rest)
            return max(0, wall_ns() - stamp_ns)
    return -1
