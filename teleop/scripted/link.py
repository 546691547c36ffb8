"""Everything between a native console and the gateway, over every link the robot has.

The same bytes go over each link and the first copy counts. A lost connection is rebuilt, as a page
does it: after an outage the old association would deliver stale messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from teleop.scripted.client import GatewayError, PageClient
from teleop.scripted.datagrams import DatagramLane
from teleop.scripted.lane import SILENT_NS, Hearing, Lane
from transport.local.clock import now_ns
from transport.multilink import Copy, FirstCopy
from transport.schema import HEARTBEAT, LINK_REPORT_HZ, Refused, Signal, Welcome
from transport.webrtc.data import DataClient, DataError
from transport.webrtc.receive import Picture, ReceiveError

__all__ = ["SILENT_NS", "ConsoleLink", "every"]

REBUILD_S = 0.5
COMMAND_CHECK_S = 0.1
RESTARTED = 25
"""Telemetry this many messages behind is of a gateway that counts anew, not an old copy."""
U32 = 1 << 32


class _Head(msgspec.Struct, array_like=True):
    """The beginning of a telemetry message."""

    stamp_us: int
    seq: int


_head = msgspec.msgpack.Decoder(_Head)


class _Newest:
    """Lets the first copy of each message pass, unless a newer one came before."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._beats = FirstCopy()
        self._telemetry = _Head(0, -RESTARTED)
        self._force = -1

    def heartbeat(self, data: bytes) -> None:
        """Stamps of a restarted guard go on rising: its clock is the machine's."""
        if len(data) == HEARTBEAT.size:
            _, _, stamp_ns, _, epoch = HEARTBEAT.unpack(data)
            if self._beats.take(epoch, stamp_ns) is not Copy.NEWEST:
                return
        self._hearing.heartbeat(data)

    def telemetry(self, data: bytes) -> None:
        """By number; a message that cannot be read goes on, to be counted."""
        try:
            head = _head.decode(data)
        except (msgspec.MsgspecError, ValueError):
            self._hearing.telemetry(data)
            return
        behind = self._telemetry.seq - head.seq
        if head.stamp_us < self._telemetry.stamp_us or 0 <= behind < RESTARTED:
            return
        self._telemetry = head
        self._hearing.telemetry(data)

    def force(self, data: bytes) -> None:
        """By the number of the force frame (bytes 4 to 7, `transport/force_frame.py`)."""
        number = int.from_bytes(data[4:8], "little")
        step = (number - self._force) % U32
        if self._force >= 0 and (step == 0 or step >= U32 // 2):
            return
        self._force = number
        if self._hearing.force is not None:
            self._hearing.force(data)


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
        newest = _Newest(Hearing(on_heartbeat, on_telemetry, on_force))
        force = newest.force if on_force is not None else None
        self._hearing = Hearing(newest.heartbeat, newest.telemetry, force)
        self._on_message = on_message
        self._addresses = addresses
        self._use_datagrams = datagrams
        self.datagrams: list[DatagramLane] = []
        self.lanes: list[Lane] = []
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
        frame = signed
        for lane in self.lanes:
            lane.send(frame)
        for datagrams in self.datagrams:
            datagrams.send(frame)

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
