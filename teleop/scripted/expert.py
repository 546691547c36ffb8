"""The scripted expert as a client: picture and commands over WebRTC, like a console page.

Video and commands are two peer connections. A lost path is rebuilt, as a page does it: after an
outage the old association would deliver stale messages (reference/safety.md section 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from safety.frame import pack
from safety.states import Cause, ContactState, State, Step
from teleop.scripted.client import ClientError, GatewayError, PageClient
from teleop.scripted.console import Console, Presented
from teleop.scripted.eyes import Eyes
from teleop.scripted.hand import Path as HandPath
from teleop.scripted.nurse import seen_of
from teleop.scripted.persons import Expert, Phase
from teleop.scripted.score import Histogram, Sample, Score
from transport.local.clock import now_ns
from transport.schema import HEARTBEAT, HEARTBEAT_MAGIC, Offer, Refused, Role, Signal, Telemetry
from transport.webrtc.data import DataClient, DataError
from transport.webrtc.receive import ReceiveError, VideoReceiver

COMMAND_NS = 5_000_000
OPEN_TIMEOUT_S = 10.0
LOOK_NS = 10_000_000
"""The picture is looked at 100 times a second: dwell is known to 10 ms before it is corrected."""
SILENT_NS = 250_000_000
"""No heartbeat for this long: the command connection is rebuilt (DESIGN.md section 3)."""
BLIND_MS = 150.0
"""No new picture for this long: the page releases the deadman, when the server names no limit."""
NO_PICTURE_NS = 5_000_000_000
"""No picture for this long: the video connection is rebuilt."""
REBUILD_S = 0.5


def sample_of(t: Telemetry) -> Sample:
    """What the score needs of a telemetry message."""
    return Sample(
        t.stamp_us, State(t.state), Cause(t.first_out), t.causes, ContactState(t.contact_state),
        t.force_n, t.force_ref_n, t.loop_ms, t.age_ms, t.probe_p_m, t.clamps,
        t.servo_lateness_us,
    )  # fmt: skip


class ScriptedExpert:
    """Joins, watches, commands; its score is complete when `done`."""

    def __init__(self, run_dir: Path, path: HandPath) -> None:
        self._path = path
        self._page = PageClient(run_dir, Role.CONSOLE, self._take)
        self._decoder = msgspec.msgpack.Decoder(Telemetry)
        self._data: DataClient | None = None
        self._video: VideoReceiver | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._telemetry: Telemetry | None = None
        self._heard_ns = 0
        self.console: Console | None = None
        self.expert = Expert()
        self.eyes = Eyes()
        self.score = Score()
        self.lateness = Histogram(0.1)
        """Lateness of the 200 Hz loop, ms."""
        self.first_picture_ns = 0
        self.unreadable = 0
        """Messages on the data channels that could not be decoded."""
        self.problem = ""
        """What the last attempt to open a connection met."""
        self.opened_video = 0
        self.opened_data = 0
        self._video_gone = False
        self._opened_ns = 0
        self._blind_ns = round(BLIND_MS * 1e6)

    @property
    def phase(self) -> Phase:
        """Where the scan stands."""
        return self.expert.phase

    async def start(self) -> None:
        """Join and begin; the repair loop opens both connections."""
        welcome = await self._page.join()
        if not welcome.lease:
            raise ClientError("another console drives: close it before the scripted one starts")
        self.console = Console(welcome.session, welcome.limits_hash, self.expert, self._path)
        self._blind_ns = round(welcome.limits.get("image_stale_ms", BLIND_MS) * 1e6)
        loops = (self._send_loop, self._look_loop, self._repair_loop)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]

    def finish(self) -> None:
        """Time to lift off."""
        if self.console is not None:
            self.console.finish = True

    async def close(self) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        for connection in (self._data, self._video):
            if connection is not None:
                await connection.close()
        await self._page.close()

    def failure(self) -> BaseException | None:
        """What ended one of the tasks, if anything did."""
        ended = (task for task in self._tasks if task.done() and not task.cancelled())
        return next((task.exception() for task in ended), None)

    async def _open_video(self) -> None:
        old, self._video = self._video, None
        if old is not None:
            await old.close()
        video = VideoReceiver()
        self._video_gone = False
        try:
            answer = await self._page.exchange(Offer("video", await video.offer()))
            await video.accept(answer.sdp)
        except BaseException:
            await video.close()
            raise
        self._video, self._opened_ns = video, now_ns()
        self.opened_video += 1

    async def _open_data(self) -> None:
        old, self._data = self._data, None
        if old is not None:
            await old.close()
        data = DataClient(self._on_heartbeat, self._on_telemetry)
        try:
            answer = await self._page.exchange(Offer("command", await data.offer()))
            await data.accept(answer.sdp)
            await asyncio.wait_for(data.opened(), OPEN_TIMEOUT_S)
        except BaseException:
            await data.close()
            raise
        self._data = data
        self._heard_ns = now_ns()
        self.opened_data += 1

    def shown(self) -> str:
        """What the page shows, for an error message."""
        if self._telemetry is None:
            return f"no telemetry yet ({self.problem or 'waiting'})"
        t = self._telemetry
        words = f"{State(t.state).name}, first out {Cause(t.first_out).name}"
        return f"{words}, next step {Step(t.step).name}"

    def _take(self, message: Signal) -> None:
        """Offer again when the gateway says that a connection is gone."""
        if isinstance(message, Refused) and message.reason.startswith("media"):
            self._video_gone = True
        if isinstance(message, Refused) and message.reason.startswith("command"):
            self._heard_ns = 0

    def _on_heartbeat(self, data: bytes) -> None:
        if self.console is None or len(data) != HEARTBEAT.size:
            self.unreadable += 1
            return
        magic, _, stamp_ns, nonce, epoch = HEARTBEAT.unpack(data)
        if magic != HEARTBEAT_MAGIC:
            self.unreadable += 1
            return
        self._heard_ns = now_ns()
        self.console.heartbeat(stamp_ns, nonce, epoch)

    def _on_telemetry(self, data: bytes) -> None:
        try:
            telemetry = self._decoder.decode(data)
            sample = sample_of(telemetry)
        except (msgspec.MsgspecError, ValueError):
            self.unreadable += 1
            return
        self._telemetry = telemetry
        self.score.add(sample, self.expert.phase)
        if self.console is not None:
            self.console.telemetry(telemetry.stamp_us, now_ns())

    async def _every(self, period_ns: int, act: Callable[[int], None]) -> None:
        """Call `act(lateness_ns)` on absolute time; missed slots are skipped."""
        due_ns = now_ns() + period_ns
        while True:
            await asyncio.sleep(max(0.0, (due_ns - now_ns()) / 1e9))
            late_ns = now_ns() - due_ns
            act(late_ns)
            due_ns += period_ns * (1 + max(0, late_ns) // period_ns)

    async def _send_loop(self) -> None:
        await self._every(COMMAND_NS, self._send)

    def _send(self, late_ns: int) -> None:
        if self.console is None or self._data is None:
            return
        self.lateness.add(late_ns / 1e6)
        self._present()
        frame = self.console.sample(now_ns())
        if frame is not None:
            self._data.send_command(pack(frame))

    def _present(self) -> None:
        """For a native console a decoded picture is on screen."""
        picture = None if self._video is None else self._video.newest()
        if picture is not None and self.console is not None:
            self.first_picture_ns = self.first_picture_ns or picture.decoded_ns
            self.console.present(Presented(picture.rtp_timestamp, picture.decoded_ns))

    async def _look_loop(self) -> None:
        due_ns = now_ns()
        while True:
            due_ns = max(due_ns + LOOK_NS, now_ns())
            await asyncio.sleep(max(0.0, (due_ns - now_ns()) / 1e9))
            await self._look()

    async def _look(self) -> None:
        now = now_ns()
        picture = None if self._video is None else self._video.newest()
        self.eyes.look(picture, scanning=self.phase == Phase.SCAN)
        if self.console is None or self._telemetry is None:
            return
        blind = picture is None or now - picture.decoded_ns > self._blind_ns
        if blind or now - self._heard_ns > SILENT_NS:
            self.console.let_go()
            return
        for act in self.console.look(now, seen_of(self._telemetry), self.eyes.mark):
            await self._page.event(act.kind.name, act.arg)

    async def _repair_loop(self) -> None:
        """Open what is missing: signalling first, then each connection."""
        while True:
            try:
                await self._repair()
            except (GatewayError, ReceiveError, DataError, ConnectionError, TimeoutError) as error:
                self.problem = str(error)  # shown when the scan does not end in time
            await asyncio.sleep(REBUILD_S)

    async def _repair(self) -> None:
        if self._page.closed.is_set():
            await self._page.join()
        if self._data is None or self._data.closed or now_ns() - self._heard_ns > SILENT_NS:
            await self._open_data()
        if self._video is None or self._video_lost():
            await self._open_video()

    def _video_lost(self) -> bool:
        if self._video is None or self._video_gone or self._video.state in ("failed", "closed"):
            return True
        picture = self._video.newest()
        newest_ns = self._opened_ns if picture is None else picture.decoded_ns
        return now_ns() - newest_ns > NO_PICTURE_NS
