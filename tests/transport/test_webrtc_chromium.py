"""What a real Chromium makes of our stream: grey levels, loss, keyframe requests."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.async_api import Page, async_playwright
from video_harness import WAIT_S, Sender, only_loopback, run

from teleop.media.encode import Encoder
from transport.redundancy import Duplicates
from transport.webrtc.video import Delivery

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
             "--disable-features=WebRtcHideLocalIpsWithMdns"]  # fmt: skip
OFFER = """async () => {
  const peer = (window.peer = new RTCPeerConnection());
  const video = (window.video = document.createElement("video"));
  video.muted = video.autoplay = true;
  document.body.append(video);
  peer.ontrack = (event) => { video.srcObject = new MediaStream([event.track]); };
  peer.addTransceiver("video", { direction: "recvonly" });
  await peer.setLocalDescription(await peer.createOffer());
  if (peer.iceGatheringState !== "complete")
    await new Promise((done) => { peer.onicegatheringstatechange = () =>
      peer.iceGatheringState === "complete" && done(); });
  return peer.localDescription.sdp;
}"""
ACCEPT = "(sdp) => peer.setRemoteDescription({ type: 'answer', sdp })"
STATS = """async () => {
  for (const entry of (await peer.getStats()).values())
    if (entry.type === "inbound-rtp")
      return { decoded: entry.framesDecoded ?? 0, keys: entry.keyFramesDecoded ?? 0,
        pli: entry.pliCount ?? 0, freezes: entry.freezeCount ?? 0 };
  return { decoded: 0, keys: 0, pli: 0, freezes: 0 };
}"""
GREYS = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  const out = [];
  for (let i = 0; i < 16; i++)
    out.push(context.getImageData(i * 20 + 10, 120, 1, 1).data[1]);
  return out;
}"""


@pytest.fixture(autouse=True)
def _loopback() -> Iterator[None]:
    with only_loopback():
        yield


@pytest.fixture(scope="module")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    return path


@asynccontextmanager
async def page_of(chromium: str, sender: Sender) -> AsyncIterator[Page]:
    """A page that watches `sender`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page()
        answer = await sender.peers.answer("page", await page.evaluate(OFFER))
        await page.evaluate(ACCEPT, answer)
        try:
            yield page
        finally:
            await sender.peers.close_all()
            await browser.close()


class Stream:
    """Pictures at a steady rate while something else is looked at."""

    def __init__(self, sender: Sender, picture: Callable[[bool], Any]) -> None:
        self._sender, self._picture = sender, picture
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        asked = -1
        while True:
            wanted, asked = self._sender.asked != asked, self._sender.asked
            self._sender.peers.publish(self._picture(wanted))
            await asyncio.sleep(0.03)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _until(page: Page, good: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    async with asyncio.timeout(WAIT_S):
        while True:
            stats: dict[str, int] = await page.evaluate(STATS)
            if good(stats):
                return stats
            await asyncio.sleep(0.05)


def _scenario(
    chromium: str, delivery: Delivery, body: Callable[[Sender, Page], Awaitable[None]]
) -> None:
    async def scenario() -> None:
        sender = Sender(delivery)
        async with page_of(chromium, sender) as page:
            stream = Stream(sender, sender.picture)
            await _until(page, lambda s: s["decoded"] >= 5)
            await body(sender, page)
            await stream.stop()

    run(scenario)


def _lossy(sender: Sender, drop: Callable[[bytes], bool]) -> None:
    (peer,) = sender.peers._peers.values()
    wire = peer.stream._wire
    put = wire.put

    def lossy(protected: bytes) -> None:
        if not drop(protected):
            put(protected)

    wire.put = lossy  # type: ignore[method-assign]


def test_black_is_black_and_white_is_white(chromium: str) -> None:
    """Full range is in the VUI; a browser that ignored it would stretch 16..235 to 0..255."""
    steps = (np.arange(16) * 17).astype(np.uint8)
    luma: NDArray[np.uint8] = np.tile(steps.repeat(20), (240, 1))
    encoder = Encoder(320, 240, 30.0, 6000)

    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        pts = iter(range(1 << 33, 1 << 34, 3000))
        async with page_of(chromium, sender) as page:
            stream = Stream(sender, lambda key: encoder.encode(luma, next(pts), key))
            await _until(page, lambda s: s["decoded"] >= 30)
            seen = np.array(await page.evaluate(GREYS))
            await stream.stop()
        assert np.abs(seen - steps).max() <= 4, seen

    run(scenario)


def test_duplicates_keep_the_picture_moving_when_every_first_copy_is_lost(chromium: str) -> None:
    async def body(sender: Sender, page: Page) -> None:
        copies: dict[bytes, int] = {}

        def first_copy(data: bytes) -> bool:
            copies[data] = copies.get(data, 0) + 1
            return copies[data] == 1

        before = await page.evaluate(STATS)
        _lossy(sender, first_copy)
        after = await _until(page, lambda s: s["decoded"] >= before["decoded"] + 40)
        assert after["pli"] == before["pli"], "nothing was missing"
        assert after["keys"] == before["keys"]
        assert len(copies) >= 40

    _scenario(chromium, Delivery(Duplicates.ON, 3.0, 0.0), body)


def test_a_picture_lost_for_good_ends_in_a_keyframe_and_moves_on(chromium: str) -> None:
    async def body(sender: Sender, page: Page) -> None:
        before = await page.evaluate(STATS)
        (peer,) = sender.peers._peers.values()
        lost = iter([True, True, True])
        peer.stream.packet_missing = lambda sequence: None  # type: ignore[method-assign]
        _lossy(sender, lambda data: next(lost, False))
        after = await _until(page, lambda s: s["keys"] > before["keys"])
        await _until(page, lambda s: s["decoded"] >= after["decoded"] + 20)
        assert after["pli"] > before["pli"]
        assert sender._encoder.keyframes <= 2 + after["pli"], "one keyframe per request at most"

    _scenario(chromium, Delivery(Duplicates.OFF), body)
