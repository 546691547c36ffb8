"""One video case: processes, warm-up, measurement, logs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from bench.kit.model import Figure, Measured
from bench.latency import log
from bench.latency.analyse import measured
from bench.latency.chromium import PINGS, PageClock, clock_of, open_probe, seen_of
from bench.latency.pageserver import PageServer
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


def ours_chromium(spec: Spec) -> Measured:
    """The media process and a page in a real Chromium."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name, sync_playwright() as play:
        folder = Path(name)
        pictures = stored(folder / "pictures.npy", spec.width, spec.height, spec.fps, spec.seed)
        with PageServer() as server, media_in(folder, spec, pictures) as media:
            page = open_probe(play, server.origin, folder)
            answer = media.answer("bench", str(page.evaluate("probe.offer('h264')")))
            page.evaluate("sdp => probe.accept(sdp)", answer)
            wait(WARM_UP_S, media)
            clock = clock_of(page)
            media.meter()
            wait(spec.seconds + TAIL_S, media)
            media_cpu = media.cpu_percent()
            raw, stats = page.evaluate("probe.log()"), page.evaluate("probe.stats()")
            sent = media.sent()
            assert page.context.browser is not None
            page.context.browser.close()
    seen = seen_of(raw, clock)
    found = measured(spec, log.SenderLog(sent, media_cpu), log.ReceiverLog(seen))
    return with_page_figures(found, clock, stats)


def with_page_figures(found: Measured, clock: PageClock, stats: dict[str, Any]) -> Measured:
    """Add what only a page knows."""
    figures = [Figure("page clock uncertain by", "ms", round(clock.uncertain_ms, 3), PINGS)]
    emitted = float(stats.get("jitterBufferEmittedCount") or 0)
    if emitted:
        held_ms = 1e3 * float(stats["jitterBufferDelay"]) / emitted
        figures.append(Figure("jitter buffer, mean", "ms", round(held_ms, 3), int(emitted)))
    decoded = float(stats.get("framesDecoded") or 0)
    if decoded:
        mean_ms = 1e3 * float(stats["totalDecodeTime"]) / decoded
        figures.append(Figure("decode, mean", "ms", round(mean_ms, 3), int(decoded)))
    for name in ("framesDropped", "freezeCount", "keyFramesDecoded", "nackCount", "pliCount"):
        figures.append(Figure(f"Chromium {name}", "", float(stats.get(name) or 0)))
    return msgspec.structs.replace(found, figures=(*found.figures, *figures))
