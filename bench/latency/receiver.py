"""A native viewer: `python -m bench.latency.receiver OUT PICTURES ADDRESS...`, one link each.

Signalling on standard input and output, one JSON object per line: for each link it prints
`{"sdp": offer}` and reads `{"sdp": answer}`; at `{"stop": true}` it writes its log and leaves. The
picture of the link that is first counts.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.latency import log
from bench.latency.ends import Lines, Meter, Viewer
from transport.webrtc.ice import on_addresses, use_addresses
from transport.webrtc.receive import Picture, VideoReceiver


async def run(out: Path, sequence: Path, addresses: Sequence[str]) -> None:
    """Connect, look until told to stop, store the log."""
    use_addresses(list(addresses))
    lines, viewer, lock = await Lines.open(), Viewer(sequence), threading.Lock()

    def look(picture: Picture) -> None:
        with lock:  # each link has a decoder, and each decoder a thread
            viewer.look(picture.luma(), picture.decoded_ns, picture.rtp_timestamp,
                        picture.arrived_ns, picture.begun_ns)  # fmt: skip

    receivers = []
    for address in addresses:
        receivers.append(VideoReceiver(look))
        with on_addresses((address,)):
            lines.write(sdp=await receivers[-1].offer())
        await receivers[-1].accept(str((await lines.read())["sdp"]))
    meter = Meter()
    await lines.read()
    cpu, errors = meter.percent(), sum(one.decoder.errors for one in receivers)
    viewer.seen.sort(key=lambda seen: seen.decoded_ns)
    log.write(out, log.ReceiverLog(viewer.seen, viewer.quality(), errors, cpu, viewer.smaller))
    for one in receivers:
        await one.close()


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
    os._exit(0)  # the decoders' threads have nothing left to do
