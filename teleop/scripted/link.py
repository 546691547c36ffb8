"""Everything between a native console and the gateway, over every link the robot has.

The same bytes go over each link and the first copy counts. A lost connection is rebuilt, as a page
does it: after an outage the old association would deliver stale messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from teleop.scripted.client import GatewayError, PageClient
from teleop.scripted.datagrams import DatagramLane
from teleop.scripted.lane import SILENT_NS, Hearing, Lane
from teleop.scripted.newest import Newest
from teleop.scripted.repeat import RepeatTimer
from transport.local.clock import now_ns
from transport.schema import LINK_REPORT_HZ, Refused, Signal, Welcome
from transport.webrtc.data import DataClient, DataError
from transport.webrtc.receive import Picture, ReceiveError

__all__ = ["SILENT_NS", "ConsoleLink", "every"]

REBUILD_S = 0.5
COMMAND_CHECK_S = 0.1
U32 = 1 << 32


class ConsoleLink:
    """Keeps the connections of one console open, on all links."""

    def __init__(
        self,
        page: Callable[[Callable[[Signal], None]], PageClient],
        on_heartbeat: Callable[[bytes], None],
        on_telemetry: Callable[[bytes], None],
        on_force: Callable[[bytes], None] | None = None,
        on_message: Callable[[Signal], None] = lambda _: None,
        addresses: Sequence[str] = (),
        datagrams: bool = False,
    ) -> None:
        """`page` makes the page client; `on_force` given: the console has a haptic handle.

        `addresses`: our own address on each link, in the order of the robot's links; empty: any.
        `datagrams`: send authenticated datagrams besides the data channels.
        """
        self.page = page(self._take)
        newest = Newest(Hearing(on_heartbeat, on_telemetry, on_force))
        force = newest.force if on_force is not None else None
        self._hearing = Hearing(newest.heartbeat, newest.telemetry, force)
        self._on_message = on_message
        self._addresses = addresses
        self._use_datagrams = datagrams
        self.datagrams: list[DatagramLane] = []
        self.lanes: list[Lane] = []
        self._repeat = RepeatTimer(0.0, self._send_again)
        self.heard_ns = 0
        """When the last heartbeat came; set by who decodes them."""
        self.problem = ""
        """What the last attempt to open a connection met."""

    @property
    def data(self) -> DataClient | None:
        """A command connection, if any link has one."""
        return next((lane.data for lane in self.lanes if lane.data is not None), None)

    @property
    def opened_data(self) -> int:
        """Command connections opened so far."""
        return sum(lane.opened_data for lane in self.lanes)

    @property
    def opened_video(self) -> int:
        """Video connections opened so far."""
        return sum(lane.opened_video for lane in self.lanes)

    async def join(self) -> Welcome:
        """Join with code or token; from then on there is a lane per link."""
        welcome = await self.page.join()
        self._repeat.cancel()
        self._repeat = RepeatTimer(welcome.repeat_after_ms, self._send_again)
        for number in range(len(self.lanes), len(welcome.links)):
            address = self._addresses[number] if number < len(self._addresses) else ""
            self.lanes.append(Lane(number, self.page, self._hearing, address))
        if self._use_datagrams:
            self._open_datagrams(welcome)
        return welcome

    def _open_datagrams(self, welcome: Welcome) -> None:
        """New keys with each join, so new sockets too."""
        old, self.datagrams = self.datagrams, []
        for number, info in enumerate(welcome.links):
            own = self._addresses[number] if number < len(self._addresses) else ""
            lane = DatagramLane(self.page, welcome.session, self._hearing)
            lane.open(info.address or self.page.host, info.datagram_port, own)
            self.datagrams.append(lane)
        for lane in old:
            lane.close()

    async def keep_open(self) -> None:
        """Open what is missing, for ever: signalling, and both connections of each link."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self._rejoin, REBUILD_S))
            group.create_task(self._report())
            for lane in self.lanes:
                group.create_task(self._keep(lane.repair_data, COMMAND_CHECK_S))
                group.create_task(self._keep(lane.repair_video, REBUILD_S))

    async def close(self) -> None:
        """Leave."""
        self._repeat.cancel()
        for lane in self.lanes:
            await lane.close()
        for datagrams in self.datagrams:
            datagrams.close()
        await self.page.close()

    def picture(self) -> Picture | None:
        """The newest decoded picture, whichever link brought it."""
        pictures = [p for p in (lane.picture() for lane in self.lanes) if p is not None]
        if not pictures:
            return None
        newest = pictures[0]
        for picture in pictures[1:]:
            ahead = (picture.rtp_timestamp - newest.rtp_timestamp) % U32
            same = ahead == 0 and picture.decoded_ns < newest.decoded_ns
            if same or 0 < ahead < U32 // 2:
                newest = picture
        return newest

    def send(self, frame: bytes) -> None:
        """Sign a safety frame and send it over every link; it replaces one that has not left."""
        signed = self.page.command_key.sign(frame)
        if signed is None:
            return
        for lane in self.lanes:
            lane.send(signed)
        for datagrams in self.datagrams:
            datagrams.send(signed)
        self._repeat.sent(signed, again=self._links_heard() == 1)

    def _links_heard(self) -> int:
        """How many links bring heartbeats now."""
        since_ns = now_ns() - SILENT_NS
        heard = [lane.counter.heard_ns for lane in self.lanes]
        for number, datagrams in enumerate(self.datagrams):
            heard[number] = max(heard[number], datagrams.heard_ns)
        return sum(at_ns >= since_ns for at_ns in heard)

    def _send_again(self, copy: bytes) -> None:
        """Where something waits already, a copy would only add to it."""
        for lane in self.lanes:
            lane.send_again(copy)
        for datagrams in self.datagrams:
            datagrams.send(copy)

    def _take(self, message: Signal) -> None:
        """Offer again when the gateway says that a connection is gone."""
        if isinstance(message, Refused):
            for lane in self.lanes:
                if message.link in (-1, lane.number):
                    lane.rebuild_video |= message.reason.startswith("media")
                    lane.rebuild_data |= message.reason == "rebuild"
        self._on_message(message)

    async def _rejoin(self) -> None:
        if self.page.closed.is_set():
            await self.join()

    async def _keep(self, repair: Callable[[], Awaitable[None]], pause_s: float) -> None:
        while True:
            try:
                await repair()
            except (GatewayError, ReceiveError, DataError, ConnectionError, TimeoutError) as error:
                self.problem = str(error)  # shown by who waits for the connection
                await asyncio.sleep(REBUILD_S)
            await asyncio.sleep(pause_s)

    async def _report(self) -> None:
        """Tell the robot how each link looks from here."""
        await every(round(1e9 / LINK_REPORT_HZ), lambda _: self._send_reports())

    def _send_reports(self) -> None:
        for lane in self.lanes:
            lane.send(lane.counter.report(now_ns()))


async def every(period_ns: int, act: Callable[[int], None]) -> None:
    """Call `act(lateness_ns)` on absolute time, for ever; missed slots are skipped."""
    due_ns = now_ns() + period_ns
    while True:
        await asyncio.sleep(max(0.0, (due_ns - now_ns()) / 1e9))
        late_ns = now_ns() - due_ns
        act(late_ns)
        due_ns += period_ns * (1 + max(0, late_ns) // period_ns)
