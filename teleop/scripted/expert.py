"""The scripted expert as a client: picture and commands over WebRTC, like a console page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from safety.frame import pack
from safety.states import Cause, ContactState, State, Step
from teleop.scripted.audit import AuditTalk
from teleop.scripted.client import ClientError, PageClient
from teleop.scripted.console import Console, Presented
from teleop.scripted.eyes import Eyes
from teleop.scripted.hand import Path as HandPath
from teleop.scripted.link import SILENT_NS, ConsoleLink, every
from teleop.scripted.nurse import seen_of
from teleop.scripted.persons import Expert, Phase
from teleop.scripted.score import Histogram, Sample, Score
from teleop.tasks import end_tasks
from transport.local.clock import now_ns
from transport.schema import HEARTBEAT, HEARTBEAT_MAGIC, Role, Telemetry

COMMAND_NS = 5_000_000
LOOK_NS = 10_000_000
"""The picture is looked at 100 times a second: dwell is known to 10 ms before it is corrected."""
BLIND_MS = 150.0
"""No new picture for this long: the page releases the deadman, when the server names no limit."""


def sample_of(t: Telemetry) -> Sample:
    """What the score needs of a telemetry message."""
    return Sample(
        t.stamp_us, State(t.state), Cause(t.first_out), t.causes, ContactState(t.contact_state),
        t.force_n, t.force_ref_n, t.loop_ms, t.age_ms, t.probe_p_m, t.clamps,
        t.servo_lateness_us,
    )  # fmt: skip


class ScriptedExpert:
    """Joins, watches, commands; its score is complete when `done`."""

    def __init__(self, run_dir: Path, path: HandPath, audit: AuditTalk | None = None) -> None:
        """`audit`: the log of the expert's site, if it keeps one."""
        self._path = path
        self._audit = audit
        self.link = ConsoleLink(
            lambda take: PageClient(run_dir, Role.CONSOLE, take),
            self._on_heartbeat,
            self._on_telemetry,
            on_message=audit.message if audit is not None else lambda _: None,
        )
        self._decoder = msgspec.msgpack.Decoder(Telemetry)
        self._tasks: list[asyncio.Task[None]] = []
        self._telemetry: Telemetry | None = None
        self.console: Console | None = None
        self.expert = Expert()
        self.eyes = Eyes()
        self.score = Score()
        self.lateness = Histogram(0.1)
        """Lateness of the 200 Hz loop, ms."""
        self.first_picture_ns = 0
        self.unreadable = 0
        """Messages on the data channels that could not be decoded."""
        self._blind_ns = round(BLIND_MS * 1e6)

    @property
    def phase(self) -> Phase:
        """Where the scan stands."""
        return self.expert.phase

    async def start(self) -> None:
        """Join and begin; the repair loop opens both connections."""
        welcome = await self.link.join()
        if not welcome.lease:
            raise ClientError("another console drives: close it before the scripted one starts")
        self.console = Console(welcome.session, welcome.limits_hash, self.expert, self._path)
        self._blind_ns = round(welcome.limits.get("image_stale_ms", BLIND_MS) * 1e6)
        loops = (self._send_loop, self._look_loop, self.link.keep_open)
        self._tasks = [asyncio.create_task(loop()) for loop in loops]
        if self._audit is not None:
            self._tasks.append(asyncio.create_task(self._audit.run(self.link.page)))

    def finish(self) -> None:
        """Time to lift off."""
        if self.console is not None:
            self.console.finish = True

    async def close(self) -> None:
        """Leave."""
        await end_tasks(self._tasks)
        await self.link.close()
        if self._audit is not None:
            self._audit.close()

    def failure(self) -> BaseException | None:
        """What ended one of the tasks, if anything did."""
        ended = (task for task in self._tasks if task.done() and not task.cancelled())
        return next((task.exception() for task in ended), None)

    def shown(self) -> str:
        """What the page shows, for an error message."""
        if self._telemetry is None:
            return f"no telemetry yet ({self.link.problem or 'waiting'})"
        t = self._telemetry
        words = f"{State(t.state).name}, first out {Cause(t.first_out).name}"
        return f"{words}, next step {Step(t.step).name}"

    def _on_heartbeat(self, data: bytes) -> None:
        if self.console is None or len(data) != HEARTBEAT.size:
            self.unreadable += 1
            return
        magic, _, stamp_ns, nonce, epoch = HEARTBEAT.unpack(data)
        if magic != HEARTBEAT_MAGIC:
            self.unreadable += 1
            return
        self.link.heard_ns = now_ns()
        self.console.heartbeat(stamp_ns, nonce, epoch)

    def _on_telemetry(self, data: bytes) -> None:
        try:
            telemetry = self._decoder.decode(data)
            sample = sample_of(telemetry)
            if self._audit is not None:
                self._audit.telemetry(telemetry)
        except (msgspec.MsgspecError, ValueError):
            self.unreadable += 1
            return
        self._telemetry = telemetry
        self.score.add(sample, self.expert.phase)
        if self.console is not None:
            self.console.telemetry(telemetry.stamp_us, now_ns())

    async def _send_loop(self) -> None:
        await every(COMMAND_NS, self._send)

    def _send(self, late_ns: int) -> None:
        if self.console is None or self.link.data is None:
            return
        self.lateness.add(late_ns / 1e6)
        self._present()
        frame = self.console.sample(now_ns())
        if frame is not None:
            self.link.send(pack(frame))

    def _present(self) -> None:
        """For a native console a decoded picture is on screen."""
        picture = self.link.picture()
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
        picture = self.link.picture()
        self.eyes.look(picture, scanning=self.phase == Phase.SCAN)
        if self.console is None or self._telemetry is None:
            return
        blind = picture is None or now - picture.decoded_ns > self._blind_ns
        if blind or now - self.link.heard_ns > SILENT_NS:
            self.console.let_go()
            return
        for act in self.console.look(now, seen_of(self._telemetry), self.eyes.mark):
            await self.link.page.event(act.kind.name, act.arg)
            if self._audit is not None:
                self._audit.acted(act.kind.name, act.arg)
