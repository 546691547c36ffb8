"""Once a peer connection stands, strangers are no longer heard on its sockets.

aiortc hands every datagram that is no STUN to DTLS and SRTP, whoever sent it. From then on the
kernel lets through what comes from an address of the peer (any port: a NAT may give it another
one) and what looks like STUN, by which a peer shows that it has another address; aioice verifies
its key. A peer that moves to another address is not heard until its association is rebuilt, which
it is after an outage of 250 ms.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterable

from aioice import Candidate
from aiortc import RTCPeerConnection

from transport.local.kernel_filter import MAX_PEERS, Address, attach, only_addresses
from transport.webrtc.ice import protocols_of


def shut_out(connection: RTCPeerConnection) -> int:
    """From now on hear only the peer of `connection`; return how many sockets were filtered."""
    done = 0
    for protocol in protocols_of(connection):
        sock = protocol.transport.get_extra_info("socket")
        # What comes through a relay has the relay's address, not the peer's.
        direct = protocol.local_candidate.type == "host"
        if direct and sock is not None:
            done += hear_only(sock, _peers(protocol.receiver.remote_candidates))
    return done


def hear_only(sock: socket.socket, peers: Iterable[Address]) -> bool:
    """Filter one UDP socket; False: it stays as it was.

    Addresses of another family than the socket's are left out; without any that is left, or with
    more than 16, nothing is done.
    """
    version = 6 if sock.family == socket.AF_INET6 else 4
    mine = [peer for peer in peers if peer.version == version]
    return 0 < len(mine) <= MAX_PEERS and attach(sock, only_addresses(mine))


def _peers(candidates: Iterable[Candidate]) -> set[Address]:
    """Addresses of a peer's candidates.

    aioice keeps the address of one that came as a name (mDNS) apart from the name, and learns no
    second candidate when it hears from there. A name that was not resolved has no address yet.
    """
    found: set[Address] = set()
    for candidate in candidates:
        with contextlib.suppress(ValueError):
            found.add(ipaddress.ip_address(candidate._network_host))
    return found
