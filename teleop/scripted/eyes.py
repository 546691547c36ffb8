"""The scripted expert's eyes: reads the mark from decoded pixels and notices change.

A person sees that the picture follows the probe; the script compares coarse pictures (means over
32x32 pixels, in which speckle averages out) with the one at the beginning of the scan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from teleop.media import mark
from transport.webrtc.receive import Picture

BLOCK_PX = 32


def coarse(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means over blocks of 32x32 pixels (odd edges are left out)."""
    rows, columns = luma.shape[0] // BLOCK_PX, luma.shape[1] // BLOCK_PX
    whole = luma[: rows * BLOCK_PX, : columns * BLOCK_PX]
    blocks = whole.reshape(rows, BLOCK_PX, columns, BLOCK_PX).astype(np.float32)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


class Eyes:
    """Looks at each new picture once."""

    def __init__(self) -> None:
        self.mark: int | None = None
        """The number in the picture, read alike in two pictures in a row."""
        self.change_grey = 0.0
        """Largest mean change against the reference picture, in grey levels."""
        self.pictures = 0
        self._count = 0
        self._candidate: int | None = None
        self._reference: NDArray[np.float32] | None = None

    def look(self, picture: Picture | None, *, scanning: bool) -> None:
        """Look at the newest picture; nothing happens when it was seen before."""
        if picture is None or picture.count == self._count:
            return
        self._count = picture.count
        self.pictures += 1
        luma = picture.luma()
        read = mark.read(luma)
        self.mark = read if read is not None and read == self._candidate else None
        self._candidate = read
        if scanning and self.pictures % 5 == 0:
            self._compare(coarse(luma))

    def _compare(self, now: NDArray[np.float32]) -> None:
        if self._reference is None or self._reference.shape != now.shape:
            self._reference = now
        self.change_grey = max(self.change_grey, float(np.abs(now - self._reference).mean()))
