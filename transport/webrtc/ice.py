"""Which local addresses a peer connection may use (a change to aioice, in one place).

aioice binds a socket on every address of the machine but loopback. Our listeners bind to loopback
unless the site configures an address, so the list of addresses is replaced by the site's; with
several links each connection uses the address of its link only (`on_addresses`).
Names ending in `.local` (how browsers hide their addresses) are left out of offers: resolving them
would open a multicast socket, and the browser's own checks make its address known anyway.
"""

from __future__ import annotations

import contextlib
import contextvars
import ipaddress
import socket
from collections.abc import Iterator, Sequence

import aioice.ice
from aiortc import RTCPeerConnection

from transport.dscp import TrafficClass

_machine_addresses = aioice.ice.get_host_addresses
_only: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("addresses", default=())


def use_addresses(addresses: list[str]) -> None:
    """From now on peer connections of this process gather only these host addresses."""

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        return list(_only.get() or addresses)

    aioice.ice.get_host_addresses = chosen


@contextlib.contextmanager
def on_addresses(addresses: Sequence[str]) -> Iterator[None]:
    """Peer connections that gather inside use only these addresses (empty: the process's).

    Works from the first `use_addresses` on.
    """
    token = _only.set(tuple(addresses))
    try:
        yield
    finally:
        _only.reset(token)


def bind_addresses(bind: str) -> list[str]:
    """Addresses to use for a configured `bind`: itself, or every one when it is a wildcard."""
    if bind == "localhost":
        return ["127.0.0.1"]
    if ipaddress.ip_address(bind).is_unspecified:
        return list(_machine_addresses(True, False))
    return [bind]


def mark_sockets(connection: RTCPeerConnection, kind: TrafficClass) -> int:
    """Ask for a traffic class on every socket that `connection` has gathered; return how many.

    A system that refuses the mark is no error: the packets go without it.
    """
    marked = 0
    for protocol in protocols_of(connection):
        sock = protocol.transport.get_extra_info("socket")
        if sock is not None and mark_socket(sock, kind):
            marked += 1
    return marked


def mark_socket(sock: socket.socket, kind: TrafficClass) -> bool:
    """Set the traffic class of one socket; False: the system does not allow it."""
    v6 = sock.family == socket.AF_INET6
    level, option = (
        (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if v6 else (socket.IPPROTO_IP, socket.IP_TOS)
    )
    try:
        sock.setsockopt(level, option, kind.tos)
    except OSError:
        return False
    return True


def protocols_of(connection: RTCPeerConnection) -> list[aioice.ice.StunProtocol]:
    """The UDP endpoints under a peer connection (aiortc has no public way to ask)."""
    transports = {sender.transport.transport for sender in connection.getSenders()}
    transports |= {receiver.transport.transport for receiver in connection.getReceivers()}
    if connection.sctp is not None:
        transports.add(connection.sctp.transport.transport)
    return [protocol for transport in transports for protocol in transport._connection._protocols]


def without_names(sdp: str) -> str:
    """`sdp` without candidates that are names instead of addresses."""
    lines = sdp.splitlines()
    kept = [line for line in lines if not (line.startswith("a=candidate") and ".local " in line)]
    return "\r\n".join(kept) + "\r\n"
