"""A native viewer in a process of its own: `python -m bench.latency.receiver OUT PICTURES`.

Signalling on standard input and output, one JSON object per line: it prints `{"sdp": offer}`, reads
`{"sdp": answer}`, and at `{"stop": true}` writes its log and leaves.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import numpy as np

from bench.latency import log, pixelstamp
from bench.latency.pictures import Pictures, index_of, psnr_db, ssim
from transport.local.clock import now_ns
from transport.webrtc.receive import Picture, VideoReceiver

LOOK_S = 0.001
QUALITY_EVERY = 15
"""Each 15th picture is kept and judged after the measurement, so that judging costs nothing."""
MOST_KEPT = 60


class Viewer:
    """Looks at every picture, keeps a few for the judgement of quality."""

    def __init__(self) -> None:
        self.seen: list[log.Seen] = []
        self.kept: list[tuple[int, Pictures]] = []

    def look(self, picture: Picture) -> None:
        """Read the stamp of a new picture."""
        luma = picture.luma()
        stamp = pixelstamp.read(luma)
        number, time_us = (-1, 0) if stamp is None else stamp
        self.seen.append(
            log.Seen(picture.rtp_timestamp, number, time_us,
                     getattr(picture, "arrived_ns", 0), getattr(picture, "begun_ns", 0),
                     picture.decoded_ns)
        )  # fmt: skip
        if number >= 0 and len(self.seen) % QUALITY_EVERY == 0 and len(self.kept) < MOST_KEPT:
            self.kept.append((number, luma.copy()))

    def quality(self, sequence: Path) -> list[log.Quality]:
        """Compare what was kept with the source."""
        pictures: Pictures = np.load(sequence, mmap_mode="r")
        out = []
        for number, luma in self.kept:
            source = np.asarray(pictures[index_of(number, len(pictures))])
            out.append(log.Quality(psnr_db(source, luma), ssim(source, luma)))
        return out


async def _line(reader: asyncio.StreamReader) -> dict[str, object]:
    line = await reader.readline()
    return dict(json.loads(line)) if line else {"stop": True}


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=1 << 20)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    return reader


def say(**content: object) -> None:
    """One line of JSON on the output."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


async def run(out: Path, sequence: Path | None) -> None:
    """Connect, look until told to stop, store the log."""
    reader = await _standard_input()
    receiver, viewer = VideoReceiver(), Viewer()
    say(sdp=await receiver.offer())
    await receiver.accept(str((await _line(reader))["sdp"]))
    stop = asyncio.ensure_future(_line(reader))
    count, start_ns, cpu_start = 0, now_ns(), os.times()
    while not stop.done():
        picture = receiver.newest()
        if picture is not None and picture.count > count:
            count = picture.count
            viewer.look(picture)
        await asyncio.sleep(LOOK_S)
    wall_s, cpu = (now_ns() - start_ns) / 1e9, os.times()
    used_s = cpu.user + cpu.system - cpu_start.user - cpu_start.system
    quality = viewer.quality(sequence) if sequence is not None else []
    decoder = receiver.decoder
    log.write(out, log.ReceiverLog(viewer.seen, quality, decoder.overwritten, decoder.errors,
                                   round(100.0 * used_s / max(wall_s, 1e-3), 1)))  # fmt: skip
    await receiver.close()


def main() -> int:
    """Run as a process."""
    import uvloop

    out, *sequence = sys.argv[1:]
    uvloop.run(run(Path(out), Path(sequence[0]) if sequence else None))
    return 0


if __name__ == "__main__":
    main()
    os._exit(0)  # the decoder's thread has nothing left to do
