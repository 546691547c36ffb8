"""Which datagrams of native consoles the kernel lets through to `uplink`."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from teleop.uplink.ports import Port
from transport.datagrams import Direction, Kind, Sealer, derive_key
from transport.local.kernel_filter import MAX_PEERS, attach, detach, only_starting_with

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="socket filters of Linux")

KEY = derive_key("token", "nonce", Direction.UP)
OURS, OTHER, FOREIGN = 0x01020304, 0xFFFFFFFF, 0x04030201
GOOD = Sealer(KEY, OURS, 1).seal(Kind.COMMAND, b"body", 1)
BAD = {
    "another session": Sealer(KEY, FOREIGN, 1).seal(Kind.COMMAND, b"body", 1),
    "another magic": b"XX" + GOOD[2:],
    "magic with one bit wrong": bytes([GOOD[0] ^ 1]) + GOOD[1:],
    "cut before the session": GOOD[:7],
    "nothing": b"",
}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
    ):
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        theirs.connect(ours.getsockname())
        yield ours, theirs


def heard(port: Port, theirs: socket.socket, *datagrams: bytes) -> list[bytes]:
    """What `port` reads of them: loopback has delivered when `send` returns."""
    for data in datagrams:
        theirs.send(data)
    found = []
    while (got := port.read()) is not None:
        found.append(got.data)
    return found


@pytest.mark.parametrize("what", BAD)
def test_what_names_no_session_that_may_send_is_dropped(
    pair: tuple[socket.socket, socket.socket], what: str
) -> None:
    port = Port(pair[0], 0)
    assert heard(port, pair[1], BAD[what], GOOD) == [BAD[what], GOOD], "nothing is filtered yet"
    port.admit([OTHER, OURS])
    assert heard(port, pair[1], BAD[what], GOOD, BAD[what]) == [GOOD]


def test_who_is_admitted_changes_with_the_table(pair: tuple[socket.socket, socket.socket]) -> None:
    port = Port(pair[0], 0)
    other = Sealer(KEY, OTHER, 1).seal(Kind.COMMAND, b"body", 1)
    for sessions, passed in (
        ([OURS], [GOOD]),
        ([OTHER], [other]),
        ([], []),
        ([OURS, OURS, OTHER], [GOOD, other]),
        (range(2, 2 + MAX_PEERS), []),
        (range(2, 3 + MAX_PEERS), [GOOD, other]),  # too many for a filter: judged one by one
        ([OURS], [GOOD]),
    ):
        port.admit(sessions)
        assert heard(port, pair[1], GOOD, other) == passed


def test_a_filter_that_is_not_there_can_be_taken_away(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    detach(pair[0])
    assert attach(pair[0], only_starting_with(0, []))
    detach(pair[0])
    pair[1].send(GOOD)
    assert pair[0].recv(100) == GOOD


def test_a_closed_socket_is_no_error(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    assert not attach(pair[0], only_starting_with(0, []))
