"""Baseline, aiortc as it comes.

`python -m bench.latency.stock send|receive CODEC FPS OUT PICTURES`

The receiver prints its offer, the sender answers; both write a log when told to stop.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import av
import uvloop

from bench.latency import log
from bench.latency.ends import Feed, Lines, Meter, Viewer
from transport.local.clock import now_ns
from transport.webrtc.stock import StockReceiver, StockSender, luma_of


async def send(codec: str, fps: float, out: Path, pictures: Path) -> None:
    """Answer the offer and stream until told to stop."""
    lines, feed = await Lines.open(), Feed(pictures, fps)
    sender = StockSender(codec, feed.take, fps)
    lines.write(sdp=await sender.answer(str((await lines.read())["sdp"])))
    meter = Meter()
    await lines.read()
    log.write(out, log.SenderLog(feed.sent, meter.percent()))
    await sender.close()


async def receive(codec: str, fps: float, out: Path, pictures: Path) -> None:
    """Offer and look until told to stop."""
    lines, viewer = await Lines.open(), Viewer(pictures)

    def look(frame: av.VideoFrame) -> None:
        viewer.look(luma_of(frame), now_ns())

    receiver = StockReceiver(look)
    lines.write(sdp=await receiver.offer())
    await receiver.accept(str((await lines.read())["sdp"]))
    meter = Meter()
    await lines.read()
    cpu = meter.percent()
    log.write(out, log.ReceiverLog(viewer.seen, viewer.quality(), cpu_percent=cpu))
    await receiver.close()


ENDS = {"send": send, "receive": receive}

if __name__ == "__main__":
    end, codec_name, rate, target, sequence = sys.argv[1:]
    uvloop.run(ENDS[end](codec_name, float(rate), Path(target), Path(sequence)))
    os._exit(0)  # aiortc's decoder thread may still wait
