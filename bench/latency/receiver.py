"""A native viewer in a process of its own: `python -m bench.latency.receiver OUT PICTURES`.

Signalling on standard input and output, one JSON object per line: it prints `{"sdp": offer}`, reads
`{"sdp": answer}`, and at `{"stop": true}` writes its log and leaves.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvloop

from bench.latency import log
from bench.latency.ends import Lines, Meter, Viewer
from transport.webrtc.receive import Picture, VideoReceiver


async def run(out: Path, sequence: Path) -> None:
    """Connect, look until told to stop, store the log."""
    lines, viewer = await Lines.open(), Viewer()

    def look(picture: Picture) -> None:
        viewer.look(picture.luma(), picture.decoded_ns, picture.rtp_timestamp,
                    picture.arrived_ns, picture.begun_ns)  # fmt: skip

    receiver = VideoReceiver(look)
    lines.write(sdp=await receiver.offer())
    await receiver.accept(str((await lines.read())["sdp"]))
    meter = Meter()
    await lines.read()
    cpu = meter.percent()
    log.write(out, log.ReceiverLog(viewer.seen, viewer.quality(sequence),
                                   receiver.decoder.errors, cpu))  # fmt: skip
    await receiver.close()


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
    os._exit(0)  # the decoder's thread has nothing left to do
