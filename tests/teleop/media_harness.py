"""A media process in a made-up world: fake arm and guard, viewers in this process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gateway_harness import arm_of, report_of

from safety import messages as m
from teleop import channels
from teleop.config import Config, Video, write_run
from transport.local.clock import now_ns
from transport.webrtc.receive import Picture, VideoReceiver

WAIT_S = 120.0
"""Long enough for a busy machine; every wait ends by an event, never by this time."""
WIDTH, HEIGHT = 320, 240
PRESSED_M = (0.58, 0.0, 0.155)
"""Probe face 5 mm below the resting skin of the built-in scene, looking down."""
T = TypeVar("T")


async def until(condition: Callable[[], T]) -> T:
    """Wait until `condition()` is true; its value."""
    async with asyncio.timeout(WAIT_S):
        while not (value := condition()):
            await asyncio.sleep(0.005)
    return value


class Media:
    """Run folder with the fake arm and guard (a thread), and the process."""

    def __init__(self, folder: Path, source: str = "sim", simulated: bool = True) -> None:
        self.run_dir = folder
        folder.mkdir(parents=True, exist_ok=True)
        channels.create_all(folder)
        write_run(
            folder, Config(video=Video(source=source, width=WIDTH, height=HEIGHT, ladder=False))
        )
        (folder / "site.json").write_text(json.dumps({"simulated": simulated, "site": "t"}))
        self.mark = -1
        self.arm_silent = False
        self.arm_stamps: set[int] = set()
        self.stamps: dict[int, m.FrameStamp] = {}
        """By RTP timestamp: everything that was in the ring so far."""
        self._ring = channels.ring_reader(folder, channels.FRAME_STAMPS, from_oldest=True)
        self._status = channels.box(folder, channels.MEDIA_STATUS)
        self._notes = channels.ring_reader(folder, channels.NOTES["media"], from_oldest=True)
        self.told: list[dict[str, Any]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._world, daemon=True)
        self._thread.start()
        self.process, self.life = self._start()

    def _start(self) -> tuple[subprocess.Popen[bytes], int]:
        read, life = os.pipe()
        command = [sys.executable, "-m", "teleop.media", "--run", str(self.run_dir)]
        process = subprocess.Popen(
            [*command, "--life", str(read)], pass_fds=(read,), stderr=subprocess.PIPE
        )
        os.close(read)
        return process, life

    def _world(self) -> None:
        arm = channels.box(self.run_dir, channels.ARM_STATE)
        guard = channels.box(self.run_dir, channels.GUARD_REPORT)
        base = arm_of(base_p_probe_m=PRESSED_M)
        while not self._stop.wait(0.004):
            guard.write(report_of(mark=self.mark))
            if not self.arm_silent:
                now = now_ns()
                self.arm_stamps.add(now)
                arm.write(replace(base, stamp_ns=now))

    def status(self) -> m.MediaStatus | None:
        """The newest status of the process, None before its first."""
        item = self._status.read()
        return None if item is None else item[1]

    def drain(self) -> dict[int, m.FrameStamp]:
        """Everything that was in the ring so far, by RTP timestamp."""
        for _, raw in self._ring.read():
            stamp = m.FRAME_STAMP.unpack(raw)
            self.stamps[stamp.rtp_timestamp] = stamp
        return self.stamps

    def notes(self, kind: str) -> list[dict[str, Any]]:
        """What it told the recording so far, of one kind."""
        self.told += [json.loads(raw[8:].rstrip(b"\0")) for _, raw in self._notes.read()]
        return [note for note in self.told if note["note"] == kind]

    def has_frames(self, count: int = 1) -> bool:
        """Whether the process has made that many pictures; a dead process is an error."""
        assert self.process.poll() is None, f"media ended with {self.process.returncode}"
        status = self.status()
        return status is not None and status.frames >= count

    def terminate(self) -> tuple[int, float]:
        """Send SIGTERM; exit code and seconds until the end."""
        begun_ns = now_ns()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(WAIT_S)
        return code, (now_ns() - begun_ns) / 1e9

    def close(self) -> None:
        """End what is left."""
        self.process.kill()
        self.process.wait(WAIT_S)
        assert self.process.stderr is not None
        self.process.stderr.close()
        with contextlib.suppress(OSError):  # a test may have closed it already
            os.close(self.life)
        self._stop.set()
        self._thread.join()


@contextlib.contextmanager
def media_in(folder: Path, source: str = "sim", simulated: bool = True) -> Iterator[Media]:
    """Run a media process."""
    media = Media(folder, source, simulated)
    try:
        yield media
    finally:
        media.close()


class Control:
    """The gateway's side of the control socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, **message: Any) -> None:
        """Send one request."""
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def next(self, op: str, **fields: Any) -> dict[str, Any]:
        """The next line of this kind and with these fields."""
        async with asyncio.timeout(WAIT_S):
            while True:
                line = await self._reader.readline()
                assert line, "the control socket was closed"
                message: dict[str, Any] = json.loads(line)
                if {**message, "op": op, **fields} == message:
                    return message

    async def watch(self, viewer: VideoReceiver, peer: str) -> None:
        """Connect a viewer."""
        self.send(op="offer", peer=peer, sdp=await viewer.offer())
        await viewer.accept((await self.next("answer", peer=peer))["sdp"])


@contextlib.asynccontextmanager
async def control_of(media: Media) -> AsyncIterator[Control]:
    """Connect to the control socket once the process makes pictures."""
    await until(media.has_frames)
    socket = str(media.run_dir / channels.MEDIA_CONTROL)
    reader, writer = await asyncio.open_unix_connection(socket, limit=1 << 18)
    try:
        yield Control(reader, writer)
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def viewer_of(control: Control, peer: str) -> AsyncIterator[VideoReceiver]:
    """A connected viewer."""
    viewer = VideoReceiver()
    try:
        await control.watch(viewer, peer)
        yield viewer
    finally:
        await viewer.close()


async def next_picture(viewer: VideoReceiver, after: int) -> Picture:
    """Wait for a picture whose count is above `after`."""

    def newer() -> Picture | None:
        picture = viewer.newest()
        return picture if picture is not None and picture.count > after else None

    picture = await until(newer)
    assert picture is not None
    return picture


async def pictures(viewer: VideoReceiver, count: int) -> list[Picture]:
    """Wait for that many different pictures (the newest ones; some may be skipped)."""
    seen = [await next_picture(viewer, 0)]
    while len(seen) < count:
        seen.append(await next_picture(viewer, seen[-1].count))
    return seen
