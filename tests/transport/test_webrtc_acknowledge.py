"""Acknowledgements of data channels: every second packet, at once where something is missing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

import aioice.ice
import pytest
from aiortc.rtcsctptransport import DataChunk, RTCSctpTransport

from transport.webrtc import acknowledge, ice
from transport.webrtc.data import DataClient, DataServer

WAIT_S = 60.0


@pytest.fixture(autouse=True)
def _loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    ice.use_addresses(["127.0.0.1"])


class Fake:
    """What `acknowledge` knows of an association."""

    State = RTCSctpTransport.State

    def __init__(self) -> None:
        self._association_state = self.State.ESTABLISHED
        self._sack_needed = False
        self._sack_misordered: set[int] = set()
        self._sack_duplicates: list[int] = []
        self.sent = 0
        self.broken = False

    async def _send_sack(self) -> None:
        if self.broken:
            raise ConnectionError
        self.sent += 1
        self._sack_needed = False

    async def packet(self) -> None:
        """As aiortc does at the end of a packet with a message."""
        self._sack_needed = True
        await self._send_sack()


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(WAIT_S):
            await scenario

    asyncio.run(bounded())


def fake() -> Any:
    found: Any = Fake()
    acknowledge.delay(found)
    return found


def test_every_second_packet_is_answered() -> None:
    async def scenario() -> None:
        sctp = fake()
        sent = []
        for _ in range(6):
            await sctp.packet()
            sent.append(sctp.sent)
        assert sent == [0, 1, 1, 2, 2, 3]
        assert not sctp._sack_needed

    run(scenario())


def test_a_single_packet_is_answered_by_the_timer() -> None:
    async def scenario() -> None:
        sctp = fake()
        await sctp.packet()
        while not sctp.sent:
            await asyncio.sleep(0.001)
        assert sctp.sent == 1

    run(scenario())


@pytest.mark.parametrize("place", ["gap", "duplicate", "handshake"])
def test_what_cannot_wait_is_answered_at_once(place: str) -> None:
    async def scenario() -> None:
        sctp = fake()
        if place == "gap":
            sctp._sack_misordered = {7}
        elif place == "duplicate":
            sctp._sack_duplicates = [7]
        else:
            sctp._association_state = sctp.State.COOKIE_ECHOED
        await sctp.packet()
        await sctp.packet()
        assert sctp.sent == 2

    run(scenario())


@pytest.mark.parametrize("end", ["closed", "broken"])
def test_an_answer_that_waits_ends_with_the_connection(end: str) -> None:
    async def scenario() -> None:
        sctp = fake()
        await sctp.packet()
        if end == "closed":
            sctp._association_state = sctp.State.CLOSED
        sctp.broken = True
        await asyncio.sleep(3 * acknowledge.DELAY_S)
        await asyncio.sleep(0)
        assert sctp.sent == 0  # and no error of a task that nobody reads (an error in pytest)

    run(scenario())


@pytest.mark.parametrize("name", acknowledge.PLACES)
def test_an_association_that_works_otherwise_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sctp: Any = Fake()
    monkeypatch.delattr(Fake if hasattr(Fake, name) else sctp, name)
    with pytest.raises(acknowledge.AcknowledgeError):
        acknowledge.delay(sctp)


def test_a_real_connection_sends_half_as_many_and_nothing_waits() -> None:
    async def scenario() -> None:
        got: list[Any] = []
        server = DataServer(got.append, lambda _: None)
        client = DataClient(lambda _: None, lambda _: None)
        await client.accept(await server.answer(await client.offer()))
        await client.opened()
        sctp = server._connection.sctp
        assert sctp is not None
        delayed: Any = sctp._send_sack
        assert isinstance(delayed, acknowledge._Delayed)
        send, answers = delayed._send, 0

        async def count() -> None:
            nonlocal answers
            answers += 1
            await send()

        delayed._send = count
        for number in range(100):
            assert client.send_command(b"AA" + bytes([number]))
            while len(got) <= number:
                await asyncio.sleep(0)
        # 100 packets came one by one: half of the answers, and the timer's where the loop is slow.
        assert 50 <= answers < 100
        theirs = client._connection.sctp
        assert theirs is not None
        while theirs._sent_queue:
            await asyncio.sleep(0.001)
        await client.close()
        await server.close()

    run(scenario())


def test_upstream_still_answers_every_packet() -> None:
    source = inspect.getsource(RTCSctpTransport._handle_data)
    assert "if self._sack_needed:\n            await self._send_sack()" in source
    assert "self._sack_needed = True" in inspect.getsource(RTCSctpTransport._receive_data_chunk)
    assert DataChunk.type == 0
