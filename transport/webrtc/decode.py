"""Decoding on a thread of its own; only the newest picture is kept."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from transport.h264 import recovery_frames
from transport.local.clock import now_ns
from transport.reassembly import EncodedFrame

BACKLOG = 15
"""Frames waiting to be decoded: half a second at 30 frames/s. A machine that is slower than the
stream drops all of them and begins anew."""
_RTP_CLOCK = Fraction(1, 90_000)


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
    first_arrived_ns: int
    """When the first of its packets arrived (monotonic, ns)."""
    arrived_ns: int
    """When the packet that completed it arrived."""
    begun_ns: int
    """When its decoding began."""
    size: int
    """Bytes of H.264."""
    intact: bool
    """False while parts of the picture may be made up: something it refers to was lost, and no
    keyframe or whole refresh has come since."""

    def luma(self) -> NDArray[np.uint8]:
        """The picture's luma, height x width."""
        plane = self.frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: self.frame.height, : self.frame.width]


class PictureDecoder:
    """Decodes frames in order on its own thread and keeps only the newest picture."""

    def __init__(
        self,
        on_need: Callable[[bool], None],
        on_picture: Callable[[Picture], None] | None = None,
    ) -> None:
        """Take callbacks, called in the decoder's thread.

        Args:
            on_need: True: a keyframe is needed to go on; False: not any more.
            on_picture: hears every picture, also those that nobody looks at.
        """
        self._on_need, self._on_picture = on_need, on_picture
        self._todo: queue.SimpleQueue[EncodedFrame | None] = queue.SimpleQueue()
        self._newest: Picture | None = None
        self._taken = 0
        self._refresh_left: int | None = None
        """Frames until the picture is whole again; 0: it is; None: not in sight."""
        self.decoded = 0
        self.overwritten = 0
        """Pictures that were replaced before anybody looked at them."""
        self.errors = 0
        self.skipped = 0
        """Frames that were not decoded because too many were waiting."""
        self._thread = threading.Thread(target=self._loop, name="picture-decoder", daemon=True)
        self._thread.start()

    def put(self, frame: EncodedFrame) -> None:
        """Have a frame decoded."""
        self._todo.put(frame)

    def newest(self) -> Picture | None:
        """The newest picture (the same one again when nothing new arrived)."""
        picture = self._newest
        if picture is not None:
            self._taken = picture.count
        return picture

    def close(self) -> None:
        """End the thread."""
        self._todo.put(None)
        self._thread.join(2.0)

    def _loop(self) -> None:
        context = low_delay_decoder()
        while (frame := self._todo.get()) is not None:
            if self._todo.qsize() > BACKLOG:
                self._drop(frame)
            else:
                self._decode(context, frame)

    def _drop(self, frame: EncodedFrame) -> None:
        self.skipped += 1
        if recovery_frames(frame.data) != 0 or self._todo.qsize() > 2 * BACKLOG:
            self._lose()

    def _decode(self, context: av.VideoCodecContext, encoded: EncodedFrame) -> None:
        self._follow(encoded)
        begun_ns = now_ns()
        packet = av.Packet(encoded.data)
        packet.pts, packet.time_base = encoded.timestamp, _RTP_CLOCK
        try:
            frames = context.decode(packet)
        except av.FFmpegError:
            self.errors += 1  # a broken reference chain; the sender is asked for a new start
            self._lose()
            return
        for frame in frames:
            self._publish(frame, encoded, begun_ns)

    def _follow(self, encoded: EncodedFrame) -> None:
        """Keep count of how far the picture is from being whole."""
        start = recovery_frames(encoded.data)
        if start == 0:
            self._refresh_left = 0
            self._on_need(False)
        elif encoded.after_loss:
            self._lose()
        elif self._refresh_left is None:
            self._refresh_left = start
        elif self._refresh_left > 0:
            self._refresh_left -= 1
            if self._refresh_left == 0:
                self._on_need(False)

    def _lose(self) -> None:
        self._refresh_left = None
        self._on_need(True)

    def _publish(self, frame: av.VideoFrame, encoded: EncodedFrame, begun_ns: int) -> None:
        self.decoded += 1
        if self._newest is not None and self._taken != self._newest.count:
            self.overwritten += 1
        picture = Picture(
            rtp_timestamp=(frame.pts or 0) & 0xFFFFFFFF, decoded_ns=now_ns(), count=self.decoded,
            frame=frame, first_arrived_ns=encoded.first_ns, arrived_ns=encoded.last_ns,
            begun_ns=begun_ns, size=len(encoded.data), intact=self._refresh_left == 0,
        )  # fmt: skip
        self._newest = picture
        if self._on_picture is not None:
            self._on_picture(picture)


def low_delay_decoder() -> av.VideoCodecContext:
    """An H.264 decoder that gives each picture back at once."""
    context = av.CodecContext.create("h264", "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    context.thread_type = "NONE"
    context.flags |= int(Flags.low_delay)
    return context
