"""The product's media process with a stamped source: `python -m bench.latency.media --run DIR`.

Nothing else of it is changed. BENCH_PICTURES names the stored sequence, BENCH_LEDGER the file that
gets encode times (`pts, begun_ns, ended_ns, bytes, keyframe` as five int64 per picture),
BENCH_DEPARTURES the one for sending times (`rtp timestamp, first_ns, last_ns`).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

from bench.latency.pictures import StampedSource
from teleop.config import Config
from teleop.drivers.frames.registry import TABLE, SourceKind
from teleop.media import __main__ as process
from teleop.media.encode import Encoder
from transport.local.clock import now_ns
from transport.webrtc.stream import SentPicture
from transport.webrtc.video import VideoPeers

SOURCE = "bench"
ENTRY = struct.Struct("<5q")
DEPARTURE = struct.Struct("<3q")


def open_pictures(config: Config) -> StampedSource:
    """The source of this bench."""
    return StampedSource(Path(os.environ["BENCH_PICTURES"]), float(config.video.fps))


def keep_ledger(path: Path) -> None:
    """Note when each picture's encoding begins and ends."""
    file = path.open("wb", buffering=0)
    encode = Encoder.encode

    def noted(self: Encoder, *arguments: Any, **named: Any) -> Any:
        begun_ns = now_ns()
        picture = encode(self, *arguments, **named)
        entry = (picture.pts, begun_ns, now_ns(), len(picture.data), int(picture.keyframe))
        file.write(ENTRY.pack(*entry))
        return picture

    setattr(Encoder, "encode", noted)  # noqa: B010 (wrapped on purpose)


def keep_departures(path: Path) -> None:
    """Note when the first and the last packet of each picture left for each viewer."""
    file = path.open("wb", buffering=0)
    begin = VideoPeers.__init__

    def note(_viewer: str, sent: SentPicture) -> None:
        file.write(DEPARTURE.pack(sent.rtp_timestamp, sent.first_ns, sent.last_ns))

    def watched(self: VideoPeers, *arguments: Any, **named: Any) -> None:
        named["on_sent"] = note
        begin(self, *arguments, **named)

    setattr(VideoPeers, "__init__", watched)  # noqa: B010 (wrapped on purpose)


def main() -> int:
    """Add the source, then be the media process."""
    TABLE.insert(0, SourceKind(SOURCE, True, lambda text: text == SOURCE, open_pictures))
    keep_ledger(Path(os.environ["BENCH_LEDGER"]))
    keep_departures(Path(os.environ["BENCH_DEPARTURES"]))
    return process.main()


if __name__ == "__main__":
    status = main()
    # As the process itself does: what is at work in other threads is not waited for.
    os._exit(status)
