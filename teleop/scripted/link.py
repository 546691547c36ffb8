"""Everything between a native console and the gateway: page, picture, commands; rebuilt when lost.

Video and commands are two peer connections. A lost path is rebuilt, as a page does it: after an
outage the old association would deliver stale messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from teleop.scripted.client import GatewayError, PageClient
from transport.local.clock import now_ns
from transport.schema import Offer, Refused, Signal, Welcome
from transport.webrtc.data import DataClient, DataError
from transport.webrtc.receive import Picture, ReceiveError, VideoReceiver

OPEN_TIMEOUT_S = 10.0
SILENT_NS = 250_000_000
"""No heartbeat for this long: the command connection is rebuilt."""
NO_PICTURE_NS = 5_000_000_000
"""No picture for this long: the video connection is rebuilt."""
REBUILD_S = 0.5


class ConsoleLink:
    """Keeps the connections of one console open."""

    def __init__(
        self,
        page: Callable[[Callable[[Signal], None]], PageClient],
        on_heartbeat: Callable[[bytes], None],
        on_telemetry: Callable[[bytes], None],
        on_force: Callable[[bytes], None] | None = None,
        on_message: Callable[[Signal], None] = lambda _: None,
    ) -> None:
        """`page` makes the page client; `on_force` given: the console has a haptic handle."""
        self.page = page(self._take)
        self._hear = (on_heartbeat, on_telemetry, on_force)
        self._on_message = on_message
        self.data: DataClient | None = None
        self.video: VideoReceiver | None = None
        self.heard_ns = 0
        """When the last heartbeat came; set by who decodes them."""
        self.problem = ""
        """What the last attempt to open a connection met."""
        self.opened_video = 0
        self.opened_data = 0
        self._video_gone = False
        self._opened_ns = 0

    async def join(self) -> Welcome:
        """Join with code or token."""
        return await self.page.join()

    async def keep_open(self) -> None:
        """Open what is missing, for ever: signalling first, then each connection."""
        while True:
            try:
                await self._repair()
            except (GatewayError, ReceiveError, DataError, ConnectionError, TimeoutError) as error:
                self.problem = str(error)  # shown by who waits for the connection
            await asyncio.sleep(REBUILD_S)

    async def close(self) -> None:
        """Leave."""
        for connection in (self.data, self.video):
            if connection is not None:
                await connection.close()
        await self.page.close()

    def picture(self) -> Picture | None:
        """The newest decoded picture."""
        return None if self.video is None else self.video.newest()

    def send(self, frame: bytes) -> None:
        """Send a safety frame now or not at all."""
        if self.data is not None:
            self.data.send_command(frame)

    def _take(self, message: Signal) -> None:
        """Offer again when the gateway says that a connection is gone."""
        if isinstance(message, Refused) and message.reason.startswith("media"):
            self._video_gone = True
        if isinstance(message, Refused) and message.reason.startswith("command"):
            self.heard_ns = 0
        self._on_message(message)

    async def _repair(self) -> None:
        if self.page.closed.is_set():
            await self.page.join()
        if self.data is None or self.data.closed or now_ns() - self.heard_ns > SILENT_NS:
            await self._open_data()
        if self.video is None or self._video_lost():
            await self._open_video()

    async def _open_video(self) -> None:
        old, self.video = self.video, None
        if old is not None:
            await old.close()
        video = VideoReceiver()
        self._video_gone = False
        try:
            answer = await self.page.exchange(Offer("video", await video.offer()))
            await video.accept(answer.sdp)
        except BaseException:
            await video.close()
            raise
        self.video, self._opened_ns = video, now_ns()
        self.opened_video += 1

    async def _open_data(self) -> None:
        old, self.data = self.data, None
        if old is not None:
            await old.close()
        on_heartbeat, on_telemetry, on_force = self._hear
        data = DataClient(on_heartbeat, on_telemetry, on_force=on_force)
        try:
            answer = await self.page.exchange(Offer("command", await data.offer()))
            await data.accept(answer.sdp)
            await asyncio.wait_for(data.opened(), OPEN_TIMEOUT_S)
        except BaseException:
            await data.close()
            raise
        self.data = data
        self.heard_ns = now_ns()
        self.opened_data += 1

    def _video_lost(self) -> bool:
        if self.video is None or self._video_gone or self.video.state in ("failed", "closed"):
            return True
        picture = self.video.newest()
        newest_ns = self._opened_ns if picture is None else picture.decoded_ns
        return now_ns() - newest_ns > NO_PICTURE_NS


async def every(period_ns: int, act: Callable[[int], None]) -> None:
    """Call `act(lateness_ns)` on absolute time, for ever; missed slots are skipped."""
    due_ns = now_ns() + period_ns
    while True:
        await asyncio.sleep(max(0.0, (due_ns - now_ns()) / 1e9))
        late_ns = now_ns() - due_ns
        act(late_ns)
        due_ns += period_ns * (1 + max(0, late_ns) // period_ns)
