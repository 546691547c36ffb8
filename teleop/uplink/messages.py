"""What gateway and uplink tell each other (pure).

Gateway to uplink, over a Unix socket that keeps message borders: the whole `Table`, each time
something of it changes; the first one brings the UDP sockets. Uplink to gateway, through a ring:
one `Arrival` per datagram that passed every check, so that links are judged and answers find their
way. Who has no row in the table is not heard.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import msgspec

from safety.messages import FRAME_BYTES
from teleop.channels import ARRIVAL_BYTES

SOCKET = "uplink.control"
"""Unix socket in the run folder."""
MOST_BYTES = 1 << 16
"""Longest table; 100 consoles on four links fit."""
MOST_LINKS = 8
MOST_BODY_BYTES = FRAME_BYTES + 1
"""A safety frame and the mark of its second copy: nothing that a console may send is longer."""
_HEAD = struct.Struct("<qqQQIBB46sHIIH")
assert _HEAD.size + MOST_BODY_BYTES <= ARRIVAL_BYTES
Address = tuple[str, int] | tuple[str, int, int, int]
"""As `socket` gives it for IPv4 and IPv6."""
_WITH_SCOPE = 4


class Flow(msgspec.Struct, frozen=True):
    """One console on one link."""

    session: int
    link: int
    key: bytes
    """Key of its upward direction; uplink has no other."""
    epoch: int = -1
    """With `number`: the newest datagram known; what is not newer is a replay. -1: none yet."""
    number: int = -1


class Table(msgspec.Struct, frozen=True):
    """Who may send, and whose frames go to guard."""

    drives: int = 0
    """Session that holds the lease; 0: nobody."""
    flows: tuple[Flow, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrival:
    """One authentic datagram."""

    at_ns: int
    """When it was read."""
    handed_ns: int
    """When its frame lay in guard's mailbox; 0: it brought none for guard."""
    epoch: int
    number: int
    session: int
    link: int
    address: Address
    body: bytes
    """Empty: longer than anything that a console may send."""


def pack(arrival: Arrival) -> bytes:
    """Bytes for the ring."""
    address = arrival.address
    host, port, flow, scope = address if len(address) == _WITH_SCOPE else (*address, 0, 0)
    return (
        _HEAD.pack(
            arrival.at_ns, arrival.handed_ns, arrival.epoch, arrival.number, arrival.session,
            arrival.link, len(address), host.encode("ascii"), port, flow, scope, len(arrival.body),
        )
        + arrival.body
    )  # fmt: skip


def unpack(data: bytes) -> Arrival:
    """What `pack` made."""
    at, handed, epoch, number, session, link, parts, host, port, flow, scope, size = (
        _HEAD.unpack_from(data)
    )
    name = host.rstrip(b"\0").decode("ascii")
    address: Address = (name, port, flow, scope) if parts == _WITH_SCOPE else (name, port)
    return Arrival(
        at, handed, epoch, number, session, link, address, data[_HEAD.size : _HEAD.size + size]
    )


encode_table = msgspec.json.Encoder().encode
decode_table = msgspec.json.Decoder(Table).decode
