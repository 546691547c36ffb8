"""Several viewers that decode nothing: `python -m bench.latency.crowd COUNT`.

For each viewer it prints `{"sdp": offer}` and reads the answer; at `{"stop": true}` it prints how
many pictures have come, `{"pictures": N}`, and leaves.
"""

from __future__ import annotations

import os
import sys

import uvloop

from bench.latency.ends import Lines
from transport.reassembly import EncodedFrame
from transport.webrtc.decode import PictureDecoder
from transport.webrtc.ice import use_addresses
from transport.webrtc.receive import VideoReceiver


def count_instead_of_decoding() -> list[int]:
    """From now on decoders of this process only count; the list's one number is the count."""
    total = [0]

    def count(_self: PictureDecoder, _frame: EncodedFrame) -> None:
        total[0] += 1

    setattr(PictureDecoder, "put", count)  # noqa: B010 (replaced on purpose)
    return total


async def run(count: int) -> None:
    """Connect all, wait, say how many pictures came."""
    total = count_instead_of_decoding()
    use_addresses(["127.0.0.1"])
    lines, viewers = await Lines.open(), [VideoReceiver() for _ in range(count)]
    for viewer in viewers:
        lines.write(sdp=await viewer.offer())
        await viewer.accept(str((await lines.read())["sdp"]))
    await lines.read()
    lines.write(pictures=total[0])
    for viewer in viewers:
        await viewer.close()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
    os._exit(0)
