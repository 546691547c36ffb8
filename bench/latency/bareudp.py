"""Baseline, x264 over bare datagrams: `python -m bench.latency.bareudp send|receive ...`.

The floor for our encoder settings in Python: no encryption, no repair, one thread, blocking
sockets. Datagram: `picture u32, part u16, parts u16, bytes`.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
from pathlib import Path
from typing import Any

import av
import msgspec

from bench.latency import log
from bench.latency.ends import Feed, Meter, Viewer
from teleop.media.encode import Encoder
from transport.local.clock import now_ns
from transport.local.loop import Cycle
from transport.webrtc.receive import low_delay_decoder

HEAD = struct.Struct("<IHH")
PART_BYTES = 1200
RTP_HZ = 90_000
WAIT_S = 0.05
KEYFRAME_EVERY_S = 2.0


def _line() -> dict[str, Any]:
    line = sys.stdin.readline()
    return dict(json.loads(line)) if line else {"stop": True}


def _say(**content: Any) -> None:
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def _told() -> bool:
    """A line, or the end of input, waits."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def send(fps: float, kbps: int, out: Path, pictures: Path) -> None:
    """Stream to the address that the first line names, until another line comes."""
    to = _line()
    address = (str(to["host"]), int(to["port"]))
    _say(begun=True)
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    feed, meter, cycle = Feed(pictures, fps), Meter(), Cycle(round(1e9 / fps))
    encoder: Encoder | None = None
    sent: list[log.Sent] = []
    start_ns, keyframe_ns = now_ns(), 0
    while not _told():
        cycle.wait()
        luma = feed.take()
        if encoder is None:
            encoder = Encoder(luma.shape[1], luma.shape[0], fps, kbps)
        begun_ns = now_ns()
        wanted = begun_ns - keyframe_ns > KEYFRAME_EVERY_S * 1e9
        keyframe_ns = begun_ns if wanted else keyframe_ns
        pts = (begun_ns - start_ns) * RTP_HZ // 1_000_000_000
        data = encoder.encode(luma, pts, wanted).data
        first_ns = now_ns()
        number = feed.sent[-1].number
        parts = [data[i : i + PART_BYTES] for i in range(0, len(data), PART_BYTES)]
        for index, part in enumerate(parts):
            link.sendto(HEAD.pack(number, index, len(parts)) + part, address)
        sent.append(
            msgspec.structs.replace(feed.sent[-1], begun_ns=begun_ns, encoded_ns=first_ns,
                                    size=len(data), first_sent_ns=first_ns, last_sent_ns=now_ns())
        )  # fmt: skip
    log.write(out, log.SenderLog(sent, meter.percent(), encoder.keyframes if encoder else 0))


class Assembly:
    """Puts the newest picture's parts together; older ones are given up."""

    def __init__(self) -> None:
        self._number, self._parts = -1, {}  # type: int, dict[int, bytes]

    def add(self, datagram: bytes) -> bytes | None:
        """The whole picture when this part completes it."""
        number, index, count = HEAD.unpack_from(datagram)
        if number != self._number:
            self._number, self._parts = number, {}
        self._parts[index] = datagram[HEAD.size :]
        if len(self._parts) < count:
            return None
        return b"".join(self._parts[i] for i in range(count))


def receive(host: str, out: Path, pictures: Path) -> None:
    """Say where to send, then look until another line comes."""
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind((host, 0))
    link.settimeout(WAIT_S)
    _say(host=host, port=link.getsockname()[1])
    _line()
    decoder, assembly, viewer, meter = low_delay_decoder(), Assembly(), Viewer(pictures), Meter()
    errors = 0
    while not _told():
        try:
            datagram = link.recv(65536)
        except TimeoutError:  # nothing on the way: look whether to stop
            continue
        arrived_ns, data = now_ns(), assembly.add(datagram)
        if data is None:
            continue
        try:
            frames = decoder.decode(av.Packet(data))
        except av.FFmpegError:
            errors += 1
            continue
        for frame in frames:
            plane = frame.planes[0]
            rows = memoryview(plane)
            viewer.look(_luma(rows, plane.line_size, frame), now_ns(), -1, arrived_ns, arrived_ns)
    cpu = meter.percent()
    log.write(out, log.ReceiverLog(viewer.seen, viewer.quality(), errors, cpu))


def _luma(rows: memoryview, line_size: int, frame: av.VideoFrame) -> Any:
    import numpy as np

    return np.frombuffer(rows, np.uint8).reshape(-1, line_size)[: frame.height, : frame.width]


def main() -> None:
    """Be one of the ends."""
    if sys.argv[1] == "send":
        fps, kbps, out, pictures = sys.argv[2:]
        send(float(fps), int(kbps), Path(out), Path(pictures))
    else:
        host, out, pictures = sys.argv[2:]
        receive(host, Path(out), Path(pictures))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
