"""H.264 for low delay: x264 through PyAV.

Ultrafast, zerolatency, Baseline, one thread: 2.0 to 2.6 ms per 640x480 picture where the default
preset takes 11 to 20. Intra-refresh spreads what a keyframe would send in one burst; the rate
buffer caps a keyframe on request. The picture is grey and full range (0..255, signalled in the
VUI): chroma is constant, no temporal denoiser runs, speckle keeps its contrast.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from transport.rtp import has_idr
from transport.webrtc.video import EncodedPicture

RTP_HZ = 90_000
VBV_FRAMES = 2.0
"""Size of the rate buffer in pictures: caps a keyframe to what leaves within about 50 ms."""
REFRESH_S = 2.0
"""Time in which intra-refresh renews the whole picture."""
KEYFRAME_GAP = 27_000
"""Shortest time between two keyframes made on request: 300 ms of the 90 kHz clock."""
_GREY_CHROMA = 128
_FULL_RANGE = 2
"""AVCOL_RANGE_JPEG."""


class Encoder:
    """Encodes luma pictures of one size; not safe for use from two threads at once."""

    def __init__(self, width: int, height: int, fps: float, bitrate_kbps: int) -> None:
        self._frame = av.VideoFrame(width, height, "yuvj420p")
        self._frame.color_range = _FULL_RANGE
        for plane in self._frame.planes[1:]:
            plane.update(bytes([_GREY_CHROMA]) * plane.buffer_size)
        self._luma = self._frame.planes[0]
        self._rows = np.empty((height, self._luma.line_size), np.uint8)
        self._width, self._height = width, height
        self._codec = _context(width, height, fps, bitrate_kbps)
        self._most_kbps = bitrate_kbps
        self._last_keyframe = -KEYFRAME_GAP
        self.keyframes = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self._width, self._height

    @property
    def bitrate_kbps(self) -> int:
        """The rate aimed at now."""
        return (self._codec.bit_rate or 0) // 1000

    def set_bitrate(self, kbps: int) -> None:
        """Aim at another rate from the next picture on, without a keyframe.

        libx264 takes the new rate into its running encoder (x264_encoder_reconfig), which settles
        within about ten pictures. The rate buffer keeps the size it was opened with.

        Raises:
            ValueError: more than the encoder was opened for, or less than 1 kbit/s.
        """
        if not 1 <= kbps <= self._most_kbps:
            raise ValueError(f"{kbps} kbit/s: 1 to {self._most_kbps}")
        self._codec.bit_rate = kbps * 1000

    def encode(self, luma: NDArray[np.uint8], pts: int, keyframe: bool) -> EncodedPicture:
        """Encode one picture (height x width, uint8); `pts` (90 kHz) must rise.

        `keyframe` asks for one; within KEYFRAME_GAP after the last it is not granted: look at the
        result and ask again.
        """
        granted = keyframe and pts - self._last_keyframe >= KEYFRAME_GAP
        self._rows[:, : self._width] = luma
        self._luma.update(self._rows.data)  # type: ignore[arg-type]  # any buffer will do
        self._frame.pts, self._frame.time_base = pts, Fraction(1, RTP_HZ)
        self._frame.pict_type = PictureType.I if granted else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._codec.encode(self._frame))
        made = has_idr(data)
        if made:
            self._last_keyframe = pts
            self.keyframes += 1
        return EncodedPicture(data, pts, made)


def _context(width: int, height: int, fps: float, bitrate_kbps: int) -> av.VideoCodecContext:
    """An x264 encoder that gives each picture back at once."""
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuvj420p"
    context.time_base = Fraction(1, RTP_HZ)
    context.framerate = Fraction(round(fps))
    context.bit_rate = bitrate_kbps * 1000
    context.thread_count = 1
    parameters = (
        f"intra-refresh=1:keyint={round(REFRESH_S * fps)}:slices=1:threads=1:ref=1:bframes=0:"
        "rc-lookahead=0:sync-lookahead=0:repeat-headers=1:annexb=1:fullrange=on"
    )
    # Rate and buffer go through FFmpeg's own options: only then is the encoder in constant rate
    # mode for FFmpeg too, in which x264 takes a new rate while it runs.
    context.options = {
        "preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1",
        "maxrate": str(bitrate_kbps * 1000),
        "bufsize": str(max(1000, round(bitrate_kbps * 1000 / fps * VBV_FRAMES))),
        "x264-params": parameters,
    }  # fmt: skip
    context.open()
    return context
