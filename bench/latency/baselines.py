"""The baselines of the video path: aiortc as it comes, bare datagrams."""

from __future__ import annotations

import tempfile
from pathlib import Path as File

from bench.kit.model import Measured
from bench.latency import log
from bench.latency.analyse import measured
from bench.latency.place import place
from bench.latency.rig import Child
from bench.latency.spec import WARM_UP_S, Path, Spec
from bench.latency.video import CONNECT_S, TAIL_S, pictures_of, wait, with_network

CODECS = {Path.STOCK_H264: "H264", Path.STOCK_VP8: "VP8"}
CONSOLE = "{console}"
"""Stands for the console's address in a command."""


def stock(spec: Spec) -> Measured:
    """Aiortc on both sides, each end a process of its own."""
    end = ("-m", "bench.latency.stock")
    rest = (CODECS[spec.path], str(spec.fps))
    return _pair(spec, (*end, "send", *rest), (*end, "receive", *rest))


def bare_udp(spec: Spec) -> Measured:
    """x264 with our settings over plain datagrams."""
    end = ("-m", "bench.latency.bareudp")
    return _pair(
        spec, (*end, "send", str(spec.fps), str(spec.bitrate_kbps)), (*end, "receive", CONSOLE)
    )


def _pair(spec: Spec, send: tuple[str, ...], receive: tuple[str, ...]) -> Measured:
    """Run both ends; the receiver's first line goes to the sender, an answer back."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = File(name)
        pictures = str(pictures_of(spec, folder))
        with place(spec.profile, spec.seconds + WARM_UP_S, spec.seed) as where:
            sending = (where.robot_python, *send, str(folder / "sent"), pictures)
            named = [where.console[0] if word == CONSOLE else word for word in receive]
            receiving = (where.console_python, *named, str(folder / "seen"), pictures)
            with Child("sender", sending) as sender, Child("receiver", receiving) as receiver:
                sender.write(**receiver.read())
                receiver.write(**sender.read())
                wait(CONNECT_S + WARM_UP_S)
                where.begin()
                wait(spec.seconds + TAIL_S)
                sender.finish()
                receiver.finish()
        sent, seen = log.read_sender(folder / "sent"), log.read_receiver(folder / "seen")
        return with_network(measured(spec, sent, seen), where)
