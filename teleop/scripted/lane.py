"""One link of a native console: its command and its video connection, replaced when lost.

A new command connection is opened before the old one is closed: whichever works first carries on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from teleop.scripted.client import PageClient
from transport.linkreport import LinkCounter
from transport.local.clock import now_ns
from transport.repeat import unmarked
from transport.schema import CHANNEL_COMMAND, HEARTBEAT, Offer
from transport.webrtc.data import DataClient
from transport.webrtc.ice import on_addresses
from transport.webrtc.receive import Picture, VideoReceiver

OPEN_TIMEOUT_S = 10.0
SILENT_NS = 250_000_000
"""No heartbeat for this long: the command connection is rebuilt."""
NO_PICTURE_NS = 5_000_000_000
"""No picture for this long: the video connection is rebuilt."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears what comes over any link."""

    heartbeat: Callable[[bytes], None]
    telemetry: Callable[[bytes], None]
    force: Callable[[bytes], None] | None


class Lane:
    """Keeps both connections of one link."""

    def __init__(self, number: int, page: PageClient, hearing: Hearing, address: str) -> None:
        """`address`: our own on this link; empty: any."""
        self.number = number
        self._page = page
        self._hearing = hearing
        self._addresses = [address] if address else []
        self.counter = LinkCounter()
        self.data: DataClient | None = None
        self.video: VideoReceiver | None = None
        self.opened_data = 0
        self.opened_video = 0
        self.rebuild_data = False
        """The gateway asks for a new command connection."""
        self.rebuild_video = False
        self._data_opened_ns = 0
        self._video_opened_ns = 0

    async def repair_data(self) -> None:
        """Open a command connection when there is none that works."""
        heard_ns = max(self.counter.heard_ns, self._data_opened_ns)
        lost = self.data is None or self.data.closed or now_ns() - heard_ns > SILENT_NS
        if lost or self.rebuild_data:
            self.rebuild_data = False
            await self._open_data()

    async def repair_video(self) -> None:
        """Open a video connection when there is none that works."""
        if self.video is None or self.rebuild_video or self._video_lost(self.video):
            self.rebuild_video = False
            await self._open_video()

    def picture(self) -> Picture | None:
        """The newest decoded picture of this link."""
        return None if self.video is None else self.video.newest()

    def send(self, frame: bytes) -> bool:
        """Send a message over this link, replacing an older one that has not left yet."""
        return self.data is not None and self.data.send_command(frame)

    def send_again(self, copy: bytes) -> None:
        """Send a second copy, unless anything waits."""
        if self.data is not None and not self.data.waiting(CHANNEL_COMMAND):
            self.data.send_command(copy)

    async def close(self) -> None:
        """Close both connections."""
        for connection in (self.data, self.video):
            if connection is not None:
                await connection.close()

    def _heard(self, data: bytes) -> None:
        beat, again = unmarked(data, HEARTBEAT.size)
        if not again:  # losses are counted without second copies
            self.counter.heard(beat, now_ns())
        self._hearing.heartbeat(beat)

    async def _open_data(self) -> None:
        hearing = self._hearing
        data = DataClient(self._heard, hearing.telemetry, self._addresses, on_force=hearing.force)
        try:
            offer = Offer("command", await data.offer(), self.number)
            answer = await self._page.exchange(offer)
            await data.accept(answer.sdp)
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await data.opened()
        except BaseException:
            await data.close()
            raise
        old, self.data = self.data, data
        self._data_opened_ns = now_ns()
        self.opened_data += 1
        if old is not None:
            await old.close()

    async def _open_video(self) -> None:
        old, self.video = self.video, None
        if old is not None:
            await old.close()
        with on_addresses(self._addresses):
            video = VideoReceiver()
            try:
                offer = Offer("video", await video.offer(), self.number)
                answer = await self._page.exchange(offer)
                await video.accept(answer.sdp)
            except BaseException:
                await video.close()
                raise
        self.video, self._video_opened_ns = video, now_ns()
        self.opened_video += 1

    def _video_lost(self, video: VideoReceiver) -> bool:
        if video.state in ("failed", "closed"):
            return True
        picture = video.newest()
        newest_ns = self._video_opened_ns if picture is None else picture.decoded_ns
        return now_ns() - newest_ns > NO_PICTURE_NS
