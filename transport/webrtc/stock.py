"""Peers of aiortc as it comes, for comparison only: no change of ours, defaults everywhere.

The pictures are handed over on a monotonic schedule, because aiortc's own source stops at 30 frames
per second; everything after `recv()` is aiortc's. A process that uses this module must not load
`transport.webrtc.video` or `receive`, which change aiortc.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender
from numpy.typing import NDArray

from transport.local.clock import now_ns

Luma = NDArray[np.uint8]
_RTP_CLOCK = Fraction(1, 90_000)
_GREY = 128


class _Source(MediaStreamTrack):
    """Asks for one picture per period."""

    kind = "video"

    def __init__(self, take: Callable[[], Luma], fps: float) -> None:
        super().__init__()
        self._take, self._period_ns = take, round(1e9 / fps)
        self._due_ns = self._start_ns = now_ns()

    async def recv(self) -> av.VideoFrame:
        """The next picture, when it is due; a missed slot is skipped."""
        if self.readyState != "live":
            raise MediaStreamError
        now = now_ns()
        self._due_ns += self._period_ns
        if self._due_ns < now:
            self._due_ns += (now - self._due_ns) // self._period_ns * self._period_ns
        await asyncio.sleep(max(0.0, (self._due_ns - now) / 1e9))
        frame = _grey(self._take())
        frame.pts = (now_ns() - self._start_ns) * 90_000 // 1_000_000_000
        frame.time_base = _RTP_CLOCK
        return frame


def _grey(luma: Luma) -> av.VideoFrame:
    height, width = luma.shape
    chroma = np.full((height // 2, width), _GREY, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def luma_of(frame: av.VideoFrame) -> Luma:
    """Luma of a decoded frame, height x width."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


class StockSender:
    """Answers a viewer's offer and streams."""

    def __init__(self, codec: str, take: Callable[[], Luma], fps: float) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self._connection.addTransceiver(_Source(take, fps), direction="sendonly")
        wanted = (f"video/{codec}".lower(), "video/rtx")
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType.lower() in wanted])

    async def answer(self, sdp: str) -> str:
        """The answer, complete with candidates."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return str(self._connection.localDescription.sdp)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()


class StockReceiver:
    """Offers to receive; `on_frame` gets every decoded frame."""

    def __init__(self, on_frame: Callable[[av.VideoFrame], None]) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.addTransceiver("video", direction="recvonly")
        self._on_frame = on_frame
        self._tasks: list[asyncio.Task[None]] = []
        self._connection.on("track", self._begin)

    def _begin(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._pump(track)))

    async def _pump(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, av.VideoFrame)
            self._on_frame(frame)

    async def offer(self) -> str:
        """The offer, complete with candidates."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the answer."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()
