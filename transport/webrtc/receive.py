"""Native receiver of the ultrasound stream: low delay, newest picture, wire timestamps.

What differs from aiortc 1.16.0 (reference/media_transport.md section 2.1), each with a test that
fails when upstream changes: a frame is released on the RTP marker instead of on the next frame's
first packet; all frames that one packet completes are released; a gap has a deadline; the decoder
runs on one thread without delay; pictures go into a slot that holds the newest one instead of an
unbounded queue; and each picture keeps the 32-bit RTP timestamp as sent, which is the frame id of
the command path.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from av.codec.context import Flags
from numpy.typing import NDArray

from transport.local.clock import now_ns

CAPACITY = 512
"""Packets the jitter buffer holds, as in aiortc."""
GAP_NS = 60_000_000
"""How long a gap may wait for a retransmission: two frames at 30 frames/s; then it is given up."""
_RTP_CLOCK = Fraction(1, 90_000)


class ReceiveError(RuntimeError):
    """The peer connection cannot be used; offer a new one."""


@dataclass(slots=True)
class FrameBatch:
    """Encoded frames completed by one packet, oldest first; `timestamp` is aiortc's to rewrite."""

    frames: list[JitterFrame]
    timestamp: int


class MarkerJitterBuffer(JitterBuffer):
    """Releases frames on the marker bit; falls back to the timestamp rule without markers."""

    def __init__(
        self, capacity: int = CAPACITY, gap_ns: int = GAP_NS, clock: Callable[[], int] = now_ns
    ) -> None:
        super().__init__(capacity=capacity, is_video=True)
        self._gap_ns = gap_ns
        self._clock = clock
        self._gap_since_ns: int | None = None
        self._highest = 0
        self.given_up = 0
        """Gaps that were not filled before their deadline."""

    def add(self, packet: RtpPacket) -> tuple[bool, Any]:
        """Take a packet; return (picture loss, batch of all frames it completes or None)."""
        fresh = self._origin is None
        pli, first = super().add(packet)
        sequence = packet.sequence_number
        if fresh or pli or 0 < (sequence - self._highest) & 0xFFFF < 0x8000:
            self._highest = sequence
        frames = [first] if first is not None else []
        frames += self._drain()
        if self._gap_expired(progress=bool(frames)):
            self._give_up()
            pli = True
            frames += self._drain()
        return pli, FrameBatch(frames, frames[-1].timestamp) if frames else None

    def _drain(self) -> list[JitterFrame]:
        frames = []
        while (frame := self._remove_frame(0)) is not None:
            frames.append(frame)
        return frames

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        """Remove and return the oldest frame when it is complete."""
        parts: list[bytes] = []
        timestamp = None
        for packet in self._run():
            if timestamp is not None and packet.timestamp != timestamp:
                return self._take(parts, timestamp)
            timestamp = packet.timestamp
            parts.append(packet._data)  # type: ignore[attr-defined]
            if packet.marker:
                return self._take(parts, timestamp)
        return None

    def _run(self) -> list[RtpPacket]:
        """Packets without a gap from the origin on, up to and including the first marker."""
        run: list[RtpPacket] = []
        origin = self._origin or 0
        for count in range(self.capacity):
            packet = self._packets[(origin + count) % self.capacity]
            if packet is None:
                break
            run.append(packet)
            if packet.marker:
                break
        return run

    def _take(self, parts: list[bytes], timestamp: int) -> JitterFrame:
        self.remove(len(parts))
        return JitterFrame(b"".join(parts), timestamp)

    def _waiting(self) -> int:
        """Sequence numbers between the origin and the newest packet, both included."""
        return ((self._highest - (self._origin or 0)) & 0xFFFF) + 1

    def _gap_expired(self, progress: bool) -> bool:
        waiting = self._waiting()
        if waiting > self.capacity or len(self._run()) >= waiting:
            self._gap_since_ns = None
            return False
        now = self._clock()
        if self._gap_since_ns is None or progress:
            self._gap_since_ns = now
        return now - self._gap_since_ns > self._gap_ns

    def _give_up(self) -> None:
        """Skip to the first packet that is certainly the start of a frame."""
        self.given_up += 1
        self._gap_since_ns = None
        certain = False
        timestamp: int | None = None
        for _ in range(self._waiting()):
            packet = self._packets[(self._origin or 0) % self.capacity]
            if packet is None:
                certain, timestamp = False, None
            else:
                if certain or (timestamp is not None and packet.timestamp != timestamp):
                    return
                timestamp = packet.timestamp
                certain = bool(packet.marker)
            self.remove(1)


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture as the receiver presents it."""

    rtp_timestamp: int
    """As sent on the wire (90 kHz, modulo 2^32): the frame id of commands."""
    decoded_ns: int
    """When it was decoded (monotonic, ns); a native receiver counts that as presented."""
    count: int
    """Number of the picture since the start, from 1."""
    frame: av.VideoFrame

    def luma(self) -> NDArray[np.uint8]:
        """The picture's luma, height x width."""
        plane = self.frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: self.frame.height, : self.frame.width]


class PictureDecoder:
    """Decodes batches on its own thread and keeps only the newest picture.

    It stands in for aiortc's decoder queue: `put` takes what the receiver would queue there.
    """

    def __init__(self, on_error: Callable[[], None]) -> None:
        self._on_error = on_error
        self._todo: queue.SimpleQueue[FrameBatch | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._newest: Picture | None = None
        self._taken = 0
        self.decoded = 0
        self.overwritten = 0
        """Pictures that were replaced before anybody looked at them."""
        self.errors = 0
        self.codec = "H264"
        self._thread = threading.Thread(target=self._loop, name="picture-decoder", daemon=True)
        self._thread.start()

    def put(self, task: tuple[Any, FrameBatch] | None) -> None:
        """Queue a task of aiortc's receiver: (codec, batch), or None to end."""
        if task is None:
            self._todo.put(None)
            self._ended.put(None)
        elif task[0].name == self.codec:
            self._todo.put(task[1])
        else:
            self.errors += 1

    def get(self) -> None:
        """What aiortc's own decoder thread reads: nothing until the end."""
        return self._ended.get()

    def newest(self) -> Picture | None:
        """The newest picture (the same one again when nothing new arrived)."""
        picture = self._newest
        if picture is not None:
            self._taken = picture.count
        return picture

    def close(self) -> None:
        """End the thread; harmless when aiortc ended it already."""
        self._todo.put(None)
        self._thread.join(2.0)

    def _loop(self) -> None:
        context = low_delay_decoder()
        while (batch := self._todo.get()) is not None:
            for frame in batch.frames:
                self._decode(context, frame)

    def _decode(self, context: av.VideoCodecContext, encoded: JitterFrame) -> None:
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = encoded.timestamp, _RTP_CLOCK
        try:
            frames = context.decode(packet)
        except av.FFmpegError:
            self.errors += 1  # a broken reference chain; the sender is asked for a new start
            self._on_error()
            return
        for frame in frames:
            self._publish(frame)

    def _publish(self, frame: av.VideoFrame) -> None:
        self.decoded += 1
        if self._newest is not None and self._taken != self._newest.count:
            self.overwritten += 1
        rtp_timestamp = (frame.pts or 0) & 0xFFFFFFFF
        self._newest = Picture(rtp_timestamp, now_ns(), self.decoded, frame)


def low_delay_decoder() -> av.VideoCodecContext:
    """An H.264 decoder that gives each picture back at once."""
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    context.thread_type = "NONE"
    context.flags |= int(Flags.low_delay)
    return context


def tune(receiver: RTCRtpReceiver) -> tuple[MarkerJitterBuffer, PictureDecoder]:
    """Give an aiortc video receiver our jitter buffer and decoder, before it starts."""
    names = ("__jitter_buffer", "__decoder_queue", "__decoder_error", "__started")
    for name in names:
        if not hasattr(receiver, "_RTCRtpReceiver" + name):
            raise ReceiveError(f"aiortc has no RTCRtpReceiver.{name}: adapt transport/webrtc")
    if receiver._RTCRtpReceiver__started:  # type: ignore[attr-defined]
        raise ReceiveError("the receiver runs already: tune it before the answer is set")
    error: threading.Event = receiver._RTCRtpReceiver__decoder_error  # type: ignore[attr-defined]
    buffer = MarkerJitterBuffer()
    decoder = PictureDecoder(error.set)
    setattr(receiver, "_RTCRtpReceiver__jitter_buffer", buffer)  # noqa: B010
    setattr(receiver, "_RTCRtpReceiver__decoder_queue", decoder)  # noqa: B010
    return buffer, decoder


class VideoReceiver:
    """One receive-only video peer connection (the page's side of `Offer{peer: video}`)."""

    def __init__(self) -> None:
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self._connection.addTransceiver("video", direction="recvonly")
        wanted = RTCRtpReceiver.getCapabilities("video")
        if wanted is None:
            raise ReceiveError("aiortc offers no video codec")
        transceiver.setCodecPreferences(
            [c for c in wanted.codecs if c.mimeType.lower() in ("video/h264", "video/rtx")]
        )
        self.buffer, self.decoder = tune(transceiver.receiver)

    async def offer(self) -> str:
        """Return an offer, complete with candidates."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the other side's answer; ReceiveError when it cannot be used."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except (ValueError, AssertionError, KeyError, IndexError) as error:
            raise ReceiveError(f"the answer cannot be used: {error}") from error

    @property
    def state(self) -> str:
        """The connection state in WebRTC's words."""
        return str(self._connection.connectionState)

    def newest(self) -> Picture | None:
        """The newest decoded picture, None before the first."""
        return self.decoder.newest()

    async def close(self) -> None:
        """Close the connection and end the decoder."""
        await self._connection.close()
        self.decoder.close()
