"""What the two ends of every baseline share: a stamped source with a log, a viewer, JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from bench.latency import log, pixelstamp
from bench.latency.pictures import Pictures, StampedSource, index_of, psnr_db, ssim
from transport.local.clock import now_ns

QUALITY_EVERY = 15
"""Each 15th picture is kept and judged after the measurement, so that judging costs nothing."""
MOST_KEPT = 60


class Feed:
    """Stamped pictures, each noted."""

    def __init__(self, pictures: Path, fps: float) -> None:
        self._source = StampedSource(pictures, fps)
        self.sent: list[log.Sent] = []

    def take(self) -> Pictures:
        """The next picture."""
        frame = self._source.next(now_ns(), None)
        self.sent.append(log.Sent(-1, len(self.sent) + 1 & 0xFFFF, frame.acquired_ns))
        return frame.luma


class Viewer:
    """Reads the stamp of every picture, keeps a few for the judgement of quality.

    A picture that was sent smaller (quality steps down before latency does) is first brought to
    its full size, as a screen would: its stamp is read there, and its blur counts.
    """

    def __init__(self, sequence: Path) -> None:
        self._pictures: Pictures = np.load(sequence, mmap_mode="r")
        self.seen: list[log.Seen] = []
        self.smaller = 0
        """Pictures that were sent below their full size."""
        self._kept: list[tuple[int, Pictures]] = []

    def look(
        self, luma: Pictures, decoded_ns: int, rtp: int = -1, arrived_ns: int = 0, begun_ns: int = 0
    ) -> None:
        """Take a new picture."""
        height, width = self._pictures.shape[1:]
        if luma.shape != (height, width):
            self.smaller += 1
            luma = np.asarray(cv2.resize(luma, (width, height)), np.uint8)
        stamp = pixelstamp.read(luma)
        number, time_us = (-1, 0) if stamp is None else stamp
        self.seen.append(log.Seen(rtp, number, time_us, arrived_ns, begun_ns, decoded_ns))
        if number >= 0 and len(self.seen) % QUALITY_EVERY == 0 and len(self._kept) < MOST_KEPT:
            self._kept.append((number, luma.copy()))

    def quality(self) -> list[log.Quality]:
        """Compare what was kept with the source."""
        out = []
        for number, luma in self._kept:
            source = np.asarray(self._pictures[index_of(number, len(self._pictures))])
            out.append(log.Quality(psnr_db(source, luma), ssim(source, luma)))
        return out


class Meter:
    """CPU of this process since its creation."""

    def __init__(self) -> None:
        self._start_ns, self._start = now_ns(), os.times()

    def percent(self) -> float:
        """% of one core."""
        now, wall_s = os.times(), (now_ns() - self._start_ns) / 1e9
        used_s = now.user + now.system - self._start.user - self._start.system
        return round(100.0 * used_s / max(wall_s, 1e-3), 1)


class Lines:
    """JSON lines on standard input and output."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def open(cls) -> Lines:
        """Read standard input from the event loop."""
        reader = asyncio.StreamReader(limit=1 << 20)
        protocol = asyncio.StreamReaderProtocol(reader)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
        return cls(reader)

    async def read(self) -> dict[str, object]:
        """The next line; at the end of input: stop."""
        line = await self._reader.readline()
        return dict(json.loads(line)) if line else {"stop": True}

    def write(self, **content: object) -> None:
        """One line on the output."""
        sys.stdout.write(json.dumps(content) + "\n")
        sys.stdout.flush()
