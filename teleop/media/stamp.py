"""From a source picture to what is sent: content hash, NOT LIVE, mark, RTP clock (pure)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from safety.messages import FrameStamp
from teleop.drivers.frames.base import Frame
from teleop.media import mark as marks
from teleop.media.adaptive import fitted

RTP_HZ = 90_000
NOT_LIVE = "NOT LIVE"
"""Burnt into every picture of a replay; the pages add the words of their language."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A picture ready for the encoder."""

    luma: NDArray[np.uint8]
    pts: int
    """90 kHz, strictly rising."""
    acquired_ns: int
    content_hash: int
    live: bool
    mark: int
    """-1: none."""

    def record(self, rtp_timestamp: int) -> FrameStamp:
        """The entry of the ring `media.frames`."""
        return FrameStamp(rtp_timestamp, self.acquired_ns, self.content_hash, self.live, self.mark)


def next_pts(acquired_ns: int, last_pts: int) -> int:
    """Acquisition time on the 90 kHz clock, at least one tick after the last picture."""
    return max(last_pts + 1, acquired_ns * RTP_HZ // 1_000_000_000)


def stamp(
    frame: Frame, live: bool, mark: int, last_pts: int, size: tuple[int, int] | None = None
) -> Stamped:
    """Prepare a picture, at `size` (width, height) if given.

    The hash is that of the source, before anything is drawn into it.
    """
    digest = zlib.crc32(np.ascontiguousarray(frame.luma).data)
    luma = frame.luma if size is None else fitted(frame.luma, size)
    if mark >= 0 or not live:
        luma = luma.copy()
    if not live:
        burn_not_live(luma)
    if mark >= 0:
        marks.draw(luma, mark)
    pts = next_pts(frame.acquired_ns, last_pts)
    return Stamped(luma, pts, frame.acquired_ns, digest, live, max(mark, -1))


def burn_not_live(luma: NDArray[np.uint8]) -> None:
    """Draw NOT LIVE at the upper right, in place."""
    height, width = luma.shape
    scale = height / 480.0
    (wide, high), base = cv2.getTextSize(NOT_LIVE, cv2.FONT_HERSHEY_SIMPLEX, scale, 2)
    pad = round(8 * scale)
    left, top = width - wide - 2 * pad, pad
    cv2.rectangle(luma, (left - pad, top), (width - pad, top + high + base + pad), 0, -1)
    cv2.rectangle(luma, (left - pad, top), (width - pad, top + high + base + pad), 235, 1)
    cv2.putText(
        luma, NOT_LIVE, (left, top + high + pad // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, 235, 2
    )
