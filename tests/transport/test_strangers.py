"""What strangers send to a standing connection never reaches the process; what its peer sends does.

Loopback delivers in order and before `sendto` returns: what is not there after a friend's datagram
was dropped.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import aioice.ice
import pytest
from aioice import Candidate
from video_harness import Sender, only_loopback, run, viewers_of

from transport.local.kernel_filter import Address, only_addresses
from transport.webrtc import ice, strangers
from transport.webrtc.data import DataClient, DataServer
from transport.webrtc.strangers import hear_only, shut_out

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="socket filters of Linux")

FRIEND, STRANGER = "127.0.0.1", "127.0.0.2"
COOKIE = struct.pack(">I", 0x2112A442)
STUN = b"\0\1\0\0" + COOKIE + bytes(12)
LAST = b"last"
BAD = {
    "one byte": b"\x14",
    "nothing": b"",
    "a record of DTLS": b"\x17\xfe\xfd" + bytes(61),
    "a packet of RTP": b"\x80\x60" + bytes(140),
    "the type of STUN without its cookie": b"\0\1\0\0" + bytes(16),
    "the cookie of STUN behind another type": b"\x04\1\0\0" + COOKIE + bytes(12),
    "the cookie of STUN in the wrong place": b"\0\1\0" + COOKIE + bytes(13),
    "less than a cookie": STUN[:7],
}


def addresses(*texts: str) -> list[Address]:
    return [ipaddress.ip_address(text) for text in texts]


def udp(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, 0))
    sock.setblocking(False)
    return sock


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    with udp("0.0.0.0") as sock:
        yield sock


def heard(ours: socket.socket, sender: str, *datagrams: bytes) -> list[bytes]:
    """What arrives of datagrams from `sender`, and then of a friend's last word."""
    port = ours.getsockname()[1]
    for address, what in [*((sender, d) for d in datagrams), (FRIEND, LAST)]:
        with udp(address) as sock:
            sock.sendto(what, (FRIEND, port))
    found: list[bytes] = []
    while not found or found[-1] != LAST:
        found.append(ours.recv(2048))
    return found[:-1]


@pytest.mark.parametrize("what", BAD)
def test_bad_datagrams_of_a_stranger_are_dropped(ours: socket.socket, what: str) -> None:
    assert heard(ours, STRANGER, BAD[what]) == [BAD[what]], "before the filter everything arrives"
    assert hear_only(ours, addresses(FRIEND))
    assert heard(ours, STRANGER, BAD[what]) == []


@pytest.mark.parametrize("what", BAD)
def test_a_peer_may_send_anything_from_any_port(ours: socket.socket, what: str) -> None:
    assert hear_only(ours, addresses(FRIEND))
    assert heard(ours, FRIEND, BAD[what]) == [BAD[what]]


def test_who_moved_may_show_it_by_stun(ours: socket.socket) -> None:
    assert hear_only(ours, addresses(FRIEND))
    kinds = [bytes([first]) + STUN[1:] for first in range(4)]
    assert heard(ours, STRANGER, *kinds) == kinds


def test_a_newer_filter_replaces_the_older_one(ours: socket.socket) -> None:
    assert hear_only(ours, addresses(FRIEND))
    assert hear_only(ours, addresses("192.0.2.7", STRANGER, FRIEND))
    assert heard(ours, STRANGER, b"now a peer") == [b"now a peer"]
    assert heard(ours, "127.0.0.3", b"still none") == []


@pytest.mark.parametrize("given", [[], ["::1"], [f"192.0.2.{i}" for i in range(17)]])
def test_without_a_peer_to_let_through_nothing_is_shut_out(
    ours: socket.socket, given: list[str]
) -> None:
    assert not hear_only(ours, addresses(*given))
    assert heard(ours, STRANGER, b"anything") == [b"anything"]


def test_all_four_words_of_an_address_count() -> None:
    try:
        ours = udp("::1")
    except OSError:
        pytest.skip("no IPv6 here")
    near = ["::2", "1::1", "0:0:1::1", "0:0:0:0:1::1"]
    with ours, udp("::1") as other:
        assert hear_only(ours, addresses(*near))
        other.sendto(b"nobody listed me", ours.getsockname())
        assert hear_only(ours, addresses(*near, "::1"))
        other.sendto(LAST, ours.getsockname())
        assert ours.recv(100) == LAST


def test_the_jumps_of_the_longest_program_are_short_enough() -> None:
    steps = only_addresses(addresses(*(f"2001:db8::{i:x}" for i in range(16))))
    assert len(steps) == 16 * 9 + 6
    assert all(0 <= jump < 256 for step in steps for jump in step[1:3])


def test_a_standing_connection_hears_its_peer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    ice.use_addresses([FRIEND])
    passed: list[bytes] = []
    deliver = aioice.ice.Connection.data_received

    def seen(self: Any, data: bytes, component: int) -> None:
        passed.append(data)
        deliver(self, data, component)

    monkeypatch.setattr(aioice.ice.Connection, "data_received", seen)
    asyncio.run(_flooded(passed))


async def _flooded(passed: list[bytes]) -> None:
    commands: asyncio.Queue[bytes | str] = asyncio.Queue()
    server = DataServer(commands.put_nowait, lambda reason: None)
    client = DataClient(lambda data: None, lambda data: None)
    try:
        async with asyncio.timeout(60.0):
            await client.accept(await server.answer(await client.offer()))
            await client.opened()
            both = (server._connection, client._connection)
            bad = os.urandom(100)
            for connection in both:
                for protocol in ice.protocols_of(connection):
                    with udp(STRANGER) as sock:
                        sock.sendto(b"\x17" + bad, protocol.transport.get_extra_info("sockname"))
            client.send_command(b"a command")
            assert await commands.get() == b"a command"
        assert passed
        assert not any(bad in data for data in passed), "the kernel let a stranger through"
        assert [shut_out(connection) for connection in both] == [1, 1]
    finally:
        await client.close()
        await server.close()


def candidate(host: str, address: str) -> Candidate:
    made = Candidate("1", 1, "udp", 1, host, 5000, "host")
    made._network_host = address
    return made


def test_a_peer_whose_candidate_is_a_name_is_heard_under_its_address(ours: socket.socket) -> None:
    named = candidate("0f2a.local", FRIEND)
    unresolved = candidate("77aa.local", "77aa.local")
    plain = candidate("192.0.2.7", "192.0.2.7")
    found = strangers._peers([named, unresolved, plain])
    assert found == set(addresses(FRIEND, "192.0.2.7"))
    assert hear_only(ours, found)
    assert heard(ours, FRIEND, b"named") == [b"named"]


def test_the_sender_of_pictures_hears_its_viewer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[bytes] = []
    deliver = aioice.ice.Connection.data_received

    def seen(self: Any, data: bytes, component: int) -> None:
        passed.append(data)
        deliver(self, data, component)

    monkeypatch.setattr(aioice.ice.Connection, "data_received", seen)
    bad = b"\x17" + os.urandom(100)

    async def scenario() -> None:
        sender = Sender()
        async with viewers_of(sender, 1) as viewers:
            await sender.show(*viewers)
            (peer,) = sender.peers._peers.values()
            for protocol in ice.protocols_of(peer.connection):
                with udp(STRANGER) as sock:
                    sock.sendto(bad, protocol.transport.get_extra_info("sockname"))
            passed.clear()
            while len(passed) < 5:  # the viewer's own reports: some come after it
                sender.peers.publish(sender.picture())
                await asyncio.sleep(0.01)

    with only_loopback():
        run(scenario)
    assert bad not in passed, "the kernel let a stranger through"


def test_a_relay_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Relay:
        local_candidate = type("C", (), {"type": "relay"})
        receiver = type("R", (), {"remote_candidates": ()})
        transport = type("T", (), {"get_extra_info": staticmethod(lambda name: object())})

    monkeypatch.setattr(strangers, "protocols_of", lambda connection: [Relay()])
    assert shut_out(object()) == 0  # type: ignore[arg-type]
