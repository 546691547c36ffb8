"""When a native console sends a frame twice: on one link, the newest only, and not when it left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from teleop.scripted.link import ConsoleLink
from teleop.scripted.repeat import RepeatTimer
from transport.local.clock import now_ns
from transport.repeat import marked

AFTER_MS = 2.0


async def longer_than_the_timer(timer: RepeatTimer) -> None:
    """Until the loop has run what was due: no copy is on its way any more."""
    while timer._timer is not None:
        await asyncio.sleep(AFTER_MS / 1e3)


def test_only_the_newest_frame_is_sent_again() -> None:
    async def scenario() -> None:
        sent: list[bytes] = []
        timer = RepeatTimer(AFTER_MS, sent.append)
        timer.sent(b"one", again=True)
        timer.sent(b"two", again=True)
        await longer_than_the_timer(timer)
        timer.sent(b"three", again=True)
        timer.sent(b"four", again=False)
        timer.sent(b"five", again=True)
        timer.cancel()
        await longer_than_the_timer(timer)
        assert sent == [marked(b"two")]

    asyncio.run(scenario())


@dataclass
class FakeCounter:
    heard_ns: int


@dataclass
class FakeLane:
    counter: FakeCounter
    sent: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> bool:
        self.sent.append(frame)
        return True

    send_again = send


@dataclass
class FakeDatagrams:
    heard_ns: int
    sent: list[bytes] = field(default_factory=list)

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)


class FakePage:
    """Signs nothing."""

    @property
    def command_key(self) -> FakePage:
        return self

    def sign(self, frame: bytes) -> bytes:
        return frame


@pytest.mark.parametrize(
    ("channel_ms", "datagram_ms", "again"),
    [
        ((0,), (), True),
        ((0, 0), (), False),
        ((0, 400), (), True),
        ((0, 400), (400, 0), False),
        ((400,), (), False),
        ((0,), (0,), True),
    ],
    ids=["one", "two", "one of two", "two by different ways", "none", "one, both ways"],
)
def test_a_frame_goes_out_again_while_one_link_is_heard(
    channel_ms: tuple[int, ...], datagram_ms: tuple[int, ...], again: bool
) -> None:
    """`..._ms`: how long each link has been silent."""

    async def scenario() -> None:
        page: Any = FakePage()
        link = ConsoleLink(lambda take: page, lambda _: None, lambda _: None)
        link._repeat = RepeatTimer(AFTER_MS, link._send_again)
        now = now_ns()
        lanes = [FakeLane(FakeCounter(now - ms * 1_000_000)) for ms in channel_ms]
        datagrams = [FakeDatagrams(now - ms * 1_000_000) for ms in datagram_ms]
        link.lanes, link.datagrams = lanes, datagrams  # type: ignore[assignment]
        link.send(b"frame")
        await longer_than_the_timer(link._repeat)
        expected = [b"frame", marked(b"frame")] if again else [b"frame"]
        sent = [*(lane.sent for lane in lanes), *(one.sent for one in datagrams)]
        assert sent == [expected] * len(sent)

    asyncio.run(scenario())
