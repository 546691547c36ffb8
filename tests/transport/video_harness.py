"""One stream of pictures to viewers in this process, over real connections on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import aioice.ice
import numpy as np

from teleop.media.encode import Encoder
from transport.webrtc import ice, patches
from transport.webrtc.receive import Picture, VideoReceiver
from transport.webrtc.video import Delivery, EncodedPicture, VideoPeers

FIRST_PTS = (1 << 32) + (1 << 31)
"""A machine that has been up for a day: 90 kHz ticks do not fit into 32 bits."""
WAIT_S = 120.0


@contextmanager
def only_loopback() -> Iterator[None]:
    """Peer connections use 127.0.0.1 alone."""
    before = aioice.ice.get_host_addresses
    ice.use_addresses(["127.0.0.1"])
    patches.apply()
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = before


class Sender:
    """One stream of pictures to any number of viewers."""

    def __init__(self, delivery: Delivery | None = None) -> None:
        self.asked = 0
        self.peers = VideoPeers(self._ask, delivery=delivery or Delivery())
        self.sent: set[int] = set()
        self._encoder = Encoder(320, 240, 30.0, 2000)
        self._pts = FIRST_PTS

    def _ask(self) -> None:
        self.asked += 1

    def picture(self, keyframe: bool = True) -> EncodedPicture:
        """The next picture: a keyframe (viewers may begin at any), or one that needs the last."""
        self._pts += 27_000
        self.sent.add(self._pts)
        return self._encoder.encode(np.full((240, 320), 90, np.uint8), self._pts, keyframe)

    async def show(self, *viewers: VideoReceiver) -> list[Picture]:
        """Send until every viewer has a picture; the newest of each."""
        async with asyncio.timeout(WAIT_S):
            while any(viewer.newest() is None for viewer in viewers):
                self.peers.publish(self.picture())
                await asyncio.sleep(0.02)
        return [picture for viewer in viewers if (picture := viewer.newest()) is not None]


@asynccontextmanager
async def viewers_of(
    sender: Sender,
    count: int,
    change: Callable[[str], str] = lambda sdp: sdp,
    on_picture: Callable[[Picture], None] | None = None,
) -> AsyncIterator[list[VideoReceiver]]:
    viewers = [VideoReceiver(on_picture) for _ in range(count)]
    try:
        for number, viewer in enumerate(viewers):
            await viewer.accept(
                await sender.peers.answer(str(number), change(await viewer.offer()))
            )
        yield viewers
    finally:
        await sender.peers.close_all()
        for viewer in viewers:
            await viewer.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(2 * WAIT_S):
            await scenario()

    asyncio.run(bounded())
