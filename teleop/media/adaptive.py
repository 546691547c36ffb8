"""An encoder that follows the chosen quality: its rate in place, its size by a new encoder."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from teleop.media.encode import Encoder
from transport.ladder import Rung
from transport.webrtc.video import EncodedPicture

LEAST_SHARE = 0.5
"""An encoder keeps the rate buffer it was opened with. Below half of its rate a keyframe would take
more than four pictures' time on the link, so a new encoder with a smaller buffer takes over."""


class AdaptiveEncoder:
    """Encodes each picture at the quality in force."""

    def __init__(self, rung: Rung) -> None:
        self._open(rung)
        self.opened = 1
        """Encoders opened so far; each begins with a keyframe."""

    def _open(self, rung: Rung) -> None:
        self._most_kbps = rung.bitrate_kbps
        self._encoder = Encoder(rung.width, rung.height, rung.fps, rung.bitrate_kbps)
        self._rung = rung

    def follow(self, rung: Rung) -> None:
        """Use this quality from the next picture on."""
        if rung == self._rung:
            return
        same = (rung.width, rung.height, rung.fps) == (
            self._rung.width, self._rung.height, self._rung.fps
        )  # fmt: skip
        if same and LEAST_SHARE * self._most_kbps <= rung.bitrate_kbps <= self._most_kbps:
            self._encoder.set_bitrate(rung.bitrate_kbps)
            self._rung = rung
            return
        self._open(rung)
        self.opened += 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is sent."""
        return self._encoder.size

    def encode(self, luma: NDArray[np.uint8], pts: int, keyframe: bool) -> EncodedPicture:
        """Encode one picture, which has the size in force."""
        return self._encoder.encode(luma, pts, keyframe)


def fitted(luma: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture at this width and height; averaging, so that speckle does not alias."""
    if (luma.shape[1], luma.shape[0]) == size:
        return luma
    small: NDArray[np.uint8] = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return small
