"""One video case: processes, warm-up, measurement, logs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.kit.bench import SkipCase
from bench.kit.cpu import TreeMeter
from bench.kit.model import Figure, Measured
from bench.latency import log
from bench.latency.analyse import measured
from bench.latency.chromium import (
    PINGS,
    PageClock,
    clock_of,
    open_probe,
    page_server,
    seen_of,
)
from bench.latency.pictures import stored
from bench.latency.place import Place, place
from bench.latency.rig import Child, Media, media_in
from bench.latency.spec import WARM_UP_S, Spec
from transport.local.clock import now_ns, sleep_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

TAIL_S = 0.7
ASK_NS = 1_000_000_000
"""Asking the page costs it a moment: as often as the console tells by itself."""
LOCK_S = 15.0
"""Time for the source to fall into step with the page's screen; the measurement begins after it."""
CONNECT_S = 1.5
"""ICE, DTLS and the first keyframe; the warm-up begins with the first decoded picture."""


def wait(seconds: float, media: Media | None = None, page: Page | None = None) -> None:
    """Let time pass; the frame ring is emptied and the page's reports are handed on meanwhile."""
    until_ns = now_ns() + round(seconds * 1e9)
    ask_ns = now_ns() + ASK_NS
    while now_ns() < until_ns:
        sleep_until(min(until_ns, now_ns() + 100_000_000))
        if media is not None:
            media.drain()
        if media is not None and page is not None and now_ns() >= ask_ns:
            ask_ns += ASK_NS
            media.presented(page.evaluate("probe.screen()"))


def pictures_of(spec: Spec, folder: Path) -> Path:
    """The stored picture sequence of a case."""
    return stored(folder / "pictures.npy", spec.width, spec.height, spec.fps, spec.seed)


def with_network(found: Measured, where: Place) -> Measured:
    """Add what the network says about itself."""
    notes = (*found.notes, where.note) if where.note else found.notes
    figures = (*found.figures, *where.figures())
    share = next((f for f in figures if f.name == "glass to decoded within 50 ms"), None)
    if share is not None and share.value is not None and where.in_time_share is not None:
        short = share.value - where.in_time_share
        figures = (*figures, Figure("in time beyond the trace", "points", round(short, 3)))
    return msgspec.structs.replace(found, figures=figures, notes=notes)


def viewer(where: Place, out: Path, pictures: Path, links: int) -> Child:
    """A native viewer on the console's side, one connection per link."""
    command = (where.console_python, "-m", "bench.latency.receiver", str(out), str(pictures))
    return Child("receiver", (*command, *where.console[:links]))


def connect(media: Media, receiver: Child, where: Place, links: int) -> None:
    """Signalling: one offer per link."""
    for link in range(links):
        address = where.robot[link] if links > 1 else ""
        receiver.write(sdp=media.answer(f"bench/{link}", str(receiver.read()["sdp"]), address))


def ours_native(spec: Spec) -> Measured:
    """The media process and a native viewer, both processes of their own."""
    with tempfile.TemporaryDirectory(prefix="teleop-bench-") as name:
        folder = Path(name)
        with place(spec.profile, spec.seconds + WARM_UP_S, spec.seed) as where:
            sender = _watch_natively(spec, folder, where)
        found = measured(spec, sender, log.read_receiver(folder / "seen"))
        return with_network(found, where)


def _watch_natively(spec: Spec, folder: Path, where: Place) -> log.SenderLog:
    if spec.links > len(where.robot):
        raise SkipCase(f"profile {spec.profile} has {len(where.robot)} link(s)")
    pictures = pictures_of(spec, folder)
    with (
        media_in(folder, spec, pictures, where) as media,
        viewer(where, folder / "seen", pictures, spec.links) as receiver,
    ):
        connect(media, receiver, where, spec.links)
        wait(CONNECT_S + WARM_UP_S, media)
        where.begin()
        media.meter()
        wait(spec.seconds + TAIL_S, media)
        cpu = media.cpu_percent()
        sent = media.sent()
        receiver.finish()
    return log.SenderLog(sent, cpu)


def ours_chromium(spec: Spec) -> Measured:
    """The media process and a page in a real Chromium."""
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(prefix="teleop-bench-") as name,
        sync_playwright() as play,
        place(spec.profile, spec.seconds + WARM_UP_S, spec.seed) as where,
    ):
        folder = Path(name)
        pictures = pictures_of(spec, folder)
        with page_server(where) as origin, media_in(folder, spec, pictures, where) as media:
            page = open_probe(play, origin, where)
            answer = media.answer("bench", str(page.evaluate(f"probe.offer('h264', {spec.width})")))
            page.evaluate("sdp => probe.accept(sdp)", answer)
            wait(CONNECT_S + WARM_UP_S + LOCK_S, media, page)
            clock = clock_of(page)
            where.begin()
            tree = TreeMeter()
            tree.sample()
            media.meter()
            start_ns = now_ns()
            wait(spec.seconds + TAIL_S, media, page)
            media_cpu = media.cpu_percent()
            tree.sample()
            browser_cpu = 100.0 * tree.used_s("chrom") / ((now_ns() - start_ns) / 1e9)
            raw, stats = page.evaluate("probe.log()"), page.evaluate("probe.stats()")
            sent = media.sent()
            assert page.context.browser is not None
            page.context.browser.close()
    receiver = log.ReceiverLog(seen_of(raw, clock), cpu_percent=round(browser_cpu, 1),
                               smaller=int(raw["smaller"]))  # fmt: skip
    found = measured(spec, log.SenderLog(sent, media_cpu), receiver)
    return with_network(with_page_figures(found, clock, stats), where)


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
