"""The media process: wires producer, peers, control socket and status together."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robot_sim.scene import SceneError
from safety import messages as m
from teleop import channels
from teleop.config import Config
from teleop.drivers.frames.base import NO_SCALE, FrameSourceError, ImageParameters
from teleop.drivers.frames.registry import kind_of, open_source
from teleop.media.control import ControlServer, Image, Presented
from teleop.media.notes import Notes
from teleop.media.producer import Inputs, Producer
from teleop.media.quality import Quality
from teleop.media.rate import SUSTAINED_NS, Rate, observe_only
from teleop.processes import spec
from transport.genlock import Genlock
from transport.local.clock import now_ns
from transport.local.realtime import thread_fifo
from transport.narrow import Sign
from transport.redundancy import Duplicates
from transport.schema import ImageState
from transport.webrtc import patches
from transport.webrtc.ice import bind_addresses, use_addresses
from transport.webrtc.patches.sender import ReceiverReport
from transport.webrtc.video import Delivery, VideoError, VideoPeers

STATUS_S = 0.012
"""Status period: 80 Hz, so that 50 Hz hold under load."""
LEAVE_S = 0.15
"""How long viewers, and then the picture thread, may take to end: SIGTERM to exit in 0.5 s."""
ORPHAN_S = 5.0
"""How long viewers outlive the connection of the gateway that brought them."""


class MediaApp:
    """One run of the process; `failure` says why it ended, None: as asked."""

    def __init__(self, run_dir: Path, config: Config, life_fd: int | None) -> None:
        self._run_dir, self._config, self._life_fd = run_dir, config, life_fd
        self._simulated = _simulated_arm(run_dir)
        self._incarnation = now_ns()
        self._notes = Notes(run_dir)
        self._stamps = channels.ring_writer(run_dir, channels.FRAME_STAMPS)
        self._status = channels.box(run_dir, channels.MEDIA_STATUS)
        self._rate = Rate(self._incarnation)
        self._sustained = Rate(self._incarnation, SUSTAINED_NS)
        self._image = ImageParameters()
        self._owners: dict[str, int] = {}
        self._frames = 0
        self._done = asyncio.Event()
        self._was_ready = False
        self.failure: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._closing: set[asyncio.Task[None]] = set()
        video = config.video
        self._quality = Quality(
            video.width, video.height, video.fps, video.bitrate_kbps, not video.ladder
        )
        self._lease = channels.box(run_dir, channels.GATEWAY_STATUS)
        self._rung = self._quality.choose("", self._incarnation)
        self._producer = Producer(
            lambda: open_source(config), self._rung, Inputs(run_dir), float(video.fps),
            lambda: self._from_thread(self._deliver),
            lambda error: self._from_thread(self._ended, error),
            lambda: self._prefer("picture"),
        )  # fmt: skip
        self._genlock: Genlock | None = None
        delivery = Delivery(Duplicates(video.duplicates), video.duplicate_after_ms, video.pacing_ms)
        self._peers = VideoPeers(
            self._producer.want_keyframe, self._peer_gone, on_report=self._reported,
            delivery=delivery,
        )  # fmt: skip
        socket = run_dir / channels.MEDIA_CONTROL
        self._control = ControlServer(socket, self, (VideoError,))

    def _from_thread(self, call: Callable[..., None], *arguments: Any) -> None:
        """Have the event loop call; after its end nobody is interested any more."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)

    async def run(self) -> None:
        """Run until told to leave, the supervisor is gone, or the source fails."""
        use_addresses(bind_addresses(self._config.network.bind))
        loop = self._loop
        loop.add_signal_handler(signal.SIGTERM, self._done.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor handles Ctrl-C
        if self._life_fd is not None:
            loop.add_reader(self._life_fd, self._done.set)
        self._notes.write(
            "start", source=self._config.video.source, live=kind_of(self._config.video.source).live
        )
        await self._control.start()
        self._producer.start()
        try:
            while not self._done.is_set():
                self._write_status()
                await self._pause(STATUS_S)
        finally:
            await self._leave()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._done.wait()
        except TimeoutError:
            return

    async def _leave(self) -> None:
        await self._control.stop()
        with contextlib.suppress(TimeoutError):  # a viewer that does not answer is left alone
            async with asyncio.timeout(LEAVE_S):
                await self._peers.close_all()
        await asyncio.to_thread(self._producer.stop, LEAVE_S)
        self._notes.write("end", failure=str(self.failure) if self.failure else "")
        self._notes.close()

    def _prefer(self, thread: str) -> None:
        """Ask that this thread be no longer delayed by whatever else runs here (not the loops)."""
        if not self._config.rates.real_time:
            return
        granted = thread_fifo(spec("media").fifo)
        # The ring of notes has one writer: the event loop.
        self._from_thread(lambda: self._notes.write("priority", thread=thread, fifo=granted))

    def _deliver(self) -> None:
        """Stamp the newest picture, then send it: the stamp is there before the packet leaves."""
        for product in self._producer.take():
            stamped = product.stamped
            record = stamped.record(patches.rtp_timestamp(stamped.pts))
            self._stamps.write(m.FRAME_STAMP.pack(record))
            size = 0
            if product.encoded is not None:
                size = len(product.encoded.data)
                self._peers.publish(product.encoded)
            self._frames += 1
            now = now_ns()
            self._rate.add(now, size)
            self._sustained.add(now, size)

    def _reported(self, peer: str, report: ReceiverReport) -> None:
        """A viewer reported: too narrow a link costs quality, and in the end its duplicates."""
        sign = Sign(report.loss, report.round_trip_ms, report.estimate_kbps)
        sent_kbps = self._rate.kbps(report.at_ns)
        copies, far = 2 if self._peers.may_spare_copies(peer) else 1, self._peers.is_far(peer)
        if self._quality.reported(peer, sign, sent_kbps, report.at_ns, copies, far):
            self._peers.congested(peer)

    def _follow_links(self, now: int) -> None:
        """Send the quality that the leading viewer's link carries."""
        item = self._lease.read()
        session = 0 if item is None else item[1].console_session
        rung = self._quality.choose(str(session) if session else "", now)
        if rung != self._rung:
            self._notes.write(
                "quality", kbps=rung.bitrate_kbps, width=rung.width, height=rung.height,
                fps=rung.fps, duplicated=self._peers.duplicating,
            )  # fmt: skip
            self._rung = self._producer.rung = rung

    def _ended(self, error: BaseException | None) -> None:
        if error is not None:
            self.failure = error
        self._done.set()

    def _write_status(self) -> None:
        now, source = now_ns(), self._producer.source
        self._follow_links(now)
        live = source is not None and source.live
        fps = self._rate.fps(now)
        if source is not None and not self._was_ready:
            self._was_ready = True
            self._prefer("network")
            self._notes.write("ready", source=source.name, seconds=(now - self._incarnation) / 1e9)
            self._control.broadcast_image_state()
        self._producer.viewers = len(self._peers)
        times = self._producer.times
        self._status.write(
            m.MediaStatus(
                incarnation=self._incarnation,
                stamp_ns=now,
                live=live,
                fps=fps,
                observe_only=source is None
                or observe_only(live, self._sustained.fps(now), self._simulated),
                width=self._rung.width,
                height=self._rung.height,
                encode_ms=times.encode_ms.value,
                form_ms=times.form_ms.value,
                bitrate_kbps=self._rate.kbps(now),
                peers=len(self._peers),
                frames=self._frames,
            )
        )

    async def offer(self, owner: int, peer: str, sdp: str) -> str:
        """Connect a viewer (control socket)."""
        answer = await self._peers.answer(peer, sdp)
        self._owners[peer] = owner
        self._quality.joined(peer, now_ns())
        self._producer.viewers = len(self._peers)
        self._notes.write("viewer", peer=peer)
        return answer

    async def close(self, peer: str) -> None:
        """Disconnect a viewer (control socket)."""
        self._owners.pop(peer, None)
        self._quality.left(peer)
        await self._peers.close(peer)
        self._notes.write("viewer left", peer=peer)

    def _peer_gone(self, peer: str) -> None:
        self._owners.pop(peer, None)
        self._quality.left(peer)
        self._notes.write("viewer lost", peer=peer)

    def gone(self, owner: int) -> None:
        """Gateway's connection ended: its viewers may stay ORPHAN_S, unless offered anew."""
        loop = asyncio.get_running_loop()
        orphans = [peer for peer, by in self._owners.items() if by == owner]
        if orphans and not self._done.is_set():
            loop.call_later(ORPHAN_S, self._drop_orphans, owner, orphans)

    def _drop_orphans(self, owner: int, peers: list[str]) -> None:
        for peer in peers:
            if self._owners.get(peer) == owner and not self._done.is_set():
                task = asyncio.ensure_future(self.close(peer))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    def image(self, request: Image) -> None:
        """Change the image settings (control socket)."""
        old = self._image
        self._image = ImageParameters(
            old.gain_db if request.gain_db is None else request.gain_db,
            old.depth_m if request.depth_m is None else request.depth_m,
            old.dynamic_range_db if request.dynamic_range_db is None else request.dynamic_range_db,
        )
        self._producer.set_image(self._image)
        self._control.broadcast_image_state()

    def presented(self, request: Presented) -> None:
        """Keep in step with the expert's screen (control socket)."""
        nominal_ns = self._producer.period_ns
        if not nominal_ns:  # no source yet, or one that sets its own pace
            return
        if self._genlock is None:
            self._genlock = Genlock(nominal_ns)
        steering = self._genlock.presented(request.refresh_ms, request.waits_ms, request.skipped)
        if steering is not None:
            self._producer.steer(steering)
            self._notes.write(
                "genlock", wait_ms=self._genlock.wait_ms, refresh_ms=request.refresh_ms,
                later_ms=steering.move_ns / 1e6, period_ms=steering.period_ns / 1e6,
            )  # fmt: skip

    def image_state(self) -> ImageState:
        """Settings and geometry in force (control socket)."""
        source = self._producer.source
        scale = NO_SCALE if source is None else source.geometry_for(self._image)
        return ImageState(
            gain_db=self._image.gain_db, depth_m=scale.depth_m,
            dynamic_range_db=self._image.dynamic_range_db, mm_per_px=scale.mm_per_px,
            apex_x_px=scale.apex_x_px, apex_y_px=scale.apex_y_px,
            live=source is not None and source.live,
            source=self._config.video.source if source is None else source.name,
        )  # fmt: skip


def _simulated_arm(run_dir: Path) -> bool:
    """Whether the arm declares itself simulated; unreadable means real."""
    try:
        return json.loads((run_dir / "site.json").read_text("utf-8")).get("simulated") is True
    except (OSError, ValueError, AttributeError):
        return False


async def run(run_dir: Path, config: Config, life_fd: int | None) -> BaseException | None:
    """Run the process; returns what ended it (None: as asked)."""
    app = MediaApp(run_dir, config, life_fd)
    await app.run()
    return app.failure


EXPECTED = (FrameSourceError, SceneError)
"""Failures whose message is for the user; others are bugs and show a traceback."""
