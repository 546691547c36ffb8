"""The baselines of the video path: aiortc as it comes, bare datagrams."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path as File

from bench.kit.model import Measured
from bench.latency import log
from bench.latency.analyse import measured
from bench.latency.pictures import stored
from bench.latency.rig import Child
from bench.latency.spec import WARM_UP_S, Path, Spec
from bench.latency.video import TAIL_S, wait

CODECS = {Path.STOCK_H264: "H264", Path.STOCK_VP8: "VP8"}
CONNECT_S = 1.0
"""ICE and DTLS take about this long after the answer."""


def stock(spec: Spec) -> Measured:
    """Aiortc on both sides, each end a process of its own."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = File(name)
        pictures = stored(folder / "pictures.npy", spec.width, spec.height, spec.fps, spec.seed)
        module = (sys.executable, "-m", "bench.latency.stock")
        rest = (CODECS[spec.path], str(spec.fps))
        with (
            Child("sender", (*module, "send", *rest, str(folder / "sent"),
                             str(pictures))) as sender,
            Child("receiver", (*module, "receive", *rest, str(folder / "seen"),
                               str(pictures))) as receiver,
        ):  # fmt: skip
            sender.write(sdp=receiver.read()["sdp"])
            receiver.write(sdp=sender.read()["sdp"])
            wait(CONNECT_S + WARM_UP_S + spec.seconds + TAIL_S)
            sender.finish()
            receiver.finish()
        return measured(spec, log.read_sender(folder / "sent"), log.read_receiver(folder / "seen"))


def bare_udp(spec: Spec) -> Measured:
    """x264 with our settings over plain datagrams."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = File(name)
        pictures = stored(folder / "pictures.npy", spec.width, spec.height, spec.fps, spec.seed)
        module = (sys.executable, "-m", "bench.latency.bareudp")
        rate = (str(spec.fps), str(spec.bitrate_kbps))
        with (
            Child("receiver", (*module, "receive", "127.0.0.1", str(folder / "seen"),
                               str(pictures))) as receiver,
            Child("sender", (*module, "send", *rate, str(folder / "sent"),
                             str(pictures))) as sender,
        ):  # fmt: skip
            sender.write(**receiver.read())
            wait(CONNECT_S + WARM_UP_S + spec.seconds + TAIL_S)
            sender.finish()
            receiver.finish()
        return measured(spec, log.read_sender(folder / "sent"), log.read_receiver(folder / "seen"))
