"""One video case: processes, warm-up, measurement, logs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.kit.model import Measured
from bench.latency import log
from bench.latency.analyse import measured
from bench.latency.pictures import stored
from bench.latency.rig import Child, Media, media_in
from bench.latency.spec import WARM_UP_S, Spec
from transport.local.clock import now_ns, sleep_until

RECEIVER = (sys.executable, "-m", "bench.latency.receiver")
TAIL_S = 0.7


def wait(seconds: float, media: Media | None = None) -> None:
    """Let time pass; the frame ring is emptied meanwhile."""
    until_ns = now_ns() + round(seconds * 1e9)
    while now_ns() < until_ns:
        sleep_until(min(until_ns, now_ns() + 100_000_000))
        if media is not None:
            media.drain()


def ours_native(spec: Spec) -> Measured:
    """The media process and a native viewer, both processes of their own."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = Path(name)
        pictures = stored(folder / "pictures.npy", spec.width, spec.height, spec.fps, spec.seed)
        with (
            media_in(folder, spec, pictures) as media,
            Child("receiver", (*RECEIVER, str(folder / "seen.json"), str(pictures))) as receiver,
        ):
            receiver.write(sdp=media.answer("bench", str(receiver.read()["sdp"])))
            wait(WARM_UP_S, media)
            media.meter()
            wait(spec.seconds + TAIL_S, media)
            media_cpu = media.cpu_percent()
            sent = media.sent()
            receiver.finish()
        sender = log.SenderLog(sent, media_cpu)
        return measured(spec, sender, log.read_receiver(folder / "seen.json"))
