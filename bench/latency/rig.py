"""The processes of one video case, started and stopped; signalling between them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.kit.bench import BenchError
from bench.kit.cpu import ProcessTime, core_percent, read_process
from bench.latency.log import Sent
from bench.latency.media import DEPARTURE, ENTRY, SOURCE
from bench.latency.place import Place
from bench.latency.spec import Spec
from safety import messages as m
from teleop import channels
from teleop.config import Config, Network, Video, write_run
from transport.local.clock import now_ns, sleep_until

PATIENCE_S = 60.0
RTP_MASK = 0xFFFFFFFF


class RigError(BenchError):
    """A process of the bench ended or did not answer."""


class Child:
    """A process that speaks JSON lines on its standard input and output."""

    def __init__(
        self, name: str, command: Sequence[str], environment: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | (environment or {}),
        )  # fmt: skip
        self.pid = self._process.pid
        self._cpu_from: tuple[int, ProcessTime | None] = (now_ns(), read_process(self.pid))

    def read(self) -> dict[str, Any]:
        """The next line; RigError when the process ended or is silent for PATIENCE_S."""
        assert self._process.stdout is not None
        watch = threading.Timer(PATIENCE_S, self._process.kill)
        watch.start()
        try:
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise RigError(f"{self.name} ended with {self._process.wait()}")
        return dict(json.loads(line))

    def write(self, **content: Any) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(content) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RigError(f"{self.name} ended with {self._process.wait()}") from error

    def ask(self) -> dict[str, Any]:
        """Ask it to stop and read its last line."""
        self.write(stop=True)
        return self.read()

    def meter(self) -> None:
        """Begin to measure CPU time."""
        self._cpu_from = now_ns(), read_process(self.pid)

    def cpu_percent(self) -> float:
        """CPU since `meter`, % of one core."""
        start_ns, before = self._cpu_from
        return round(core_percent(self.pid, before, (now_ns() - start_ns) / 1e9), 1)

    def finish(self) -> None:
        """Ask it to stop and wait until it left."""
        with contextlib.suppress(RigError):  # it may have ended already: its log tells
            self.write(stop=True)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def __enter__(self) -> Child:
        """Nothing to do: it runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End it, whatever happened."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(3.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # unread words for a dead process
                    pipe.close()


class Media:
    """The product's media process with a run folder of its own."""

    def __init__(
        self, folder: Path, spec: Spec, pictures: Path, place: Place,
        video: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.run_dir = folder / "run"
        channels.create_all(self.run_dir)
        settings = Video(source=SOURCE, width=spec.width, height=spec.height, fps=spec.fps,
                         bitrate_kbps=spec.bitrate_kbps, **(video or {}))  # fmt: skip
        write_run(self.run_dir, Config(network=Network(bind=place.robot[0], insecure_lan=True),
                                       video=settings))  # fmt: skip
        (self.run_dir / "site.json").write_text(json.dumps({"simulated": True, "site": "bench"}))
        self._ring = channels.ring_reader(self.run_dir, channels.FRAME_STAMPS, from_oldest=True)
        self._status = channels.box(self.run_dir, channels.MEDIA_STATUS)
        self.ledger, self.departures = folder / "ledger.bin", folder / "departures.bin"
        self.stamps: dict[int, m.FrameStamp] = {}
        environment = {"BENCH_PICTURES": str(pictures), "BENCH_LEDGER": str(self.ledger),
                       "BENCH_DEPARTURES": str(self.departures)}  # fmt: skip
        command = [place.robot_python, "-m", "bench.latency.media"]
        self._read, self._life = os.pipe()
        self.process = subprocess.Popen(
            [*command, "--run", str(self.run_dir), "--life", str(self._read)],
            pass_fds=(self._read,), env=os.environ | environment,
        )  # fmt: skip
        self._cpu_from: tuple[int, ProcessTime | None] = (0, None)

    def status(self) -> m.MediaStatus | None:
        """Its newest status."""
        item = self._status.read()
        return None if item is None else item[1]

    def wait_ready(self) -> None:
        """Until it makes pictures; RigError when it does not."""
        until_ns = now_ns() + round(PATIENCE_S * 1e9)
        while (status := self.status()) is None or status.frames < 1:
            if self.process.poll() is not None or now_ns() > until_ns:
                raise RigError(f"media makes no pictures (exit code {self.process.poll()})")
            sleep_until(now_ns() + 20_000_000)
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(PATIENCE_S)
        self._control.connect(str(self.run_dir / channels.MEDIA_CONTROL))
        self._lines = self._control.makefile("r")

    def answer(self, peer: str, sdp: str, address: str = "") -> str:
        """Connect a viewer; `address` is ours on its link, empty: there is only one."""
        request = {"op": "offer", "peer": peer, "sdp": sdp, "address": address}
        self._control.sendall(json.dumps(request).encode() + b"\n")
        for line in self._lines:
            reply = json.loads(line)
            if reply.get("peer") == peer and "sdp" in reply:
                return str(reply["sdp"])
            if reply.get("op") == "error":
                raise RigError(f"media refused the viewer: {reply}")
        raise RigError("media closed its control socket")

    def presented(self, reports: Sequence[dict[str, Any]]) -> None:
        """Hand on what a page told about its screen, as the gateway does."""
        for report in reports:
            self._control.sendall(json.dumps({"op": "presented", **report}).encode() + b"\n")

    def drain(self) -> None:
        """Take new entries of the frame ring."""
        for _, raw in self._ring.read():
            stamp = m.FRAME_STAMP.unpack(raw)
            self.stamps[stamp.rtp_timestamp] = stamp

    def meter(self) -> None:
        """Begin to measure CPU time."""
        self._cpu_from = now_ns(), read_process(self.process.pid)

    def cpu_percent(self) -> float:
        """CPU since `meter`, % of one core."""
        start_ns, before = self._cpu_from
        return round(core_percent(self.process.pid, before, (now_ns() - start_ns) / 1e9), 1)

    def close(self) -> None:
        """End the process."""
        os.close(self._life)
        try:
            self.process.wait(5.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._read)
        if hasattr(self, "_control"):
            self._lines.close()
            self._control.close()
        self._ring.close()
        self._status.close()

    def sent(self) -> list[Sent]:
        """Every picture, with its encode times, in order."""
        self.drain()
        times = {entry[0] & RTP_MASK: entry for entry in entries(self.ledger, ENTRY)}
        left: dict[int, tuple[int, ...]] = {}
        for entry in entries(self.departures, DEPARTURE):
            left.setdefault(entry[0] & RTP_MASK, entry)  # the first viewer's
        ordered = sorted(self.stamps.values(), key=lambda stamp: stamp.acquired_ns)
        origin = _origin(ordered, times)
        out = []
        for stamp in ordered:
            pts = (stamp.rtp_timestamp - origin) & RTP_MASK
            _, begun_ns, encoded_ns, size, _ = times.get(pts, (0, 0, 0, 0, 0))
            _, first_ns, last_ns = left.get(stamp.rtp_timestamp, (0, 0, 0))
            out.append(Sent(stamp.rtp_timestamp, -1, stamp.acquired_ns, begun_ns, encoded_ns, size,
                            first_ns, last_ns))  # fmt: skip
        return out


def _origin(stamps: Sequence[m.FrameStamp], times: dict[int, tuple[int, ...]]) -> int:
    """Offset between RTP timestamps (ring) and pts (ledger): that which most pictures share."""
    votes: dict[int, int] = {}
    for stamp in stamps[-50:]:
        pts = stamp.acquired_ns * 90_000 // 1_000_000_000 & RTP_MASK
        for candidate in (pts, (pts + 1) & RTP_MASK):
            if candidate in times:
                offset = (stamp.rtp_timestamp - candidate) & RTP_MASK
                votes[offset] = votes.get(offset, 0) + 1
    return max(votes, key=lambda offset: votes[offset], default=0)


def entries(path: Path, layout: struct.Struct) -> list[tuple[int, ...]]:
    """What the media process wrote; a cut-off last entry is left out."""
    content = path.read_bytes() if path.exists() else b""
    usable = len(content) - len(content) % layout.size
    return [tuple(entry) for entry in layout.iter_unpack(content[:usable])]


@contextlib.contextmanager
def media_in(
    folder: Path, spec: Spec, pictures: Path, place: Place, **options: Any
) -> Iterator[Media]:
    """Run the media process until the block ends."""
    media = Media(folder, spec, pictures, place, **options)
    try:
        media.wait_ready()
        yield media
    finally:
        media.close()
