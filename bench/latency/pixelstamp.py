"""A time stamp inside the picture: 72 bits as black and white blocks of 16 x 16 pixels.

16 bits picture number, 48 bits time (us, CLOCK_MONOTONIC), 8 bits checksum, in rows from the upper
left. The blocks lie on macroblock borders and survive VP8 at 1 Mb/s; blocks of 8 pixels do not,
and without a checksum bit errors look like latency peaks (method: Improbable-AI/VisionProTeleop).
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 16
BITS = 72
WHITE, BLACK = 235, 16
_LIMIT = 126.0
"""Between black and white; a block whose mean is nearer to it than _UNSURE is unreadable."""
_UNSURE = 30.0
_MASK_48 = (1 << 48) - 1
Luma = NDArray[np.uint8]


class Stamp(NamedTuple):
    """What a picture says about itself."""

    number: int
    """Counts pictures, modulo 65536."""
    time_us: int
    """Modulo 2^48 (8.9 years)."""


def grid(width_px: int) -> tuple[int, int]:
    """Columns and rows of blocks in a picture of this width."""
    columns = width_px // BLOCK_PX
    return columns, -(-BITS // columns)


def area_px(width_px: int) -> tuple[int, int]:
    """Width and height of the stamped area in the upper left corner."""
    columns, rows = grid(width_px)
    return columns * BLOCK_PX, rows * BLOCK_PX


def bits_of(stamp: Stamp) -> NDArray[np.uint8]:
    """The 72 bits, most significant first."""
    body = (stamp.number & 0xFFFF).to_bytes(2, "big") + (stamp.time_us & _MASK_48).to_bytes(
        6, "big"
    )
    whole = body + bytes([zlib.crc32(body) & 0xFF])
    return np.unpackbits(np.frombuffer(whole, np.uint8))


def draw(luma: Luma, stamp: Stamp) -> None:
    """Draw the stamp into a picture (height x width, uint8), in place."""
    columns, rows = grid(luma.shape[1])
    cells = np.zeros(columns * rows, np.uint8)
    cells[:BITS] = bits_of(stamp)
    blocks = np.where(cells, WHITE, BLACK).astype(np.uint8).reshape(rows, columns)
    area = blocks.repeat(BLOCK_PX, 0).repeat(BLOCK_PX, 1)
    luma[: area.shape[0], : area.shape[1]] = area


def read(luma: Luma) -> Stamp | None:
    """The stamp of a decoded picture; None when it cannot be read for certain.

    `luma` is the picture or at least its stamped area (then with the picture's full width).
    """
    columns, rows = grid(luma.shape[1])
    area = luma[: rows * BLOCK_PX, : columns * BLOCK_PX]
    if area.shape[0] < rows * BLOCK_PX:
        return None
    # The middle of each block: its edges carry ringing from the neighbours.
    inner = area.reshape(rows, BLOCK_PX, columns, BLOCK_PX)[:, 4:12, :, 4:12]
    means = inner.astype(np.float32).mean(axis=(1, 3)).ravel()[:BITS]
    if np.any(np.abs(means - _LIMIT) < _UNSURE):
        return None
    return from_bits((means > _LIMIT).astype(np.uint8))


def from_bits(bits: NDArray[np.uint8]) -> Stamp | None:
    """The stamp of 72 bits; None when the checksum is wrong."""
    whole = np.packbits(bits).tobytes()
    if len(whole) != BITS // 8 or zlib.crc32(whole[:8]) & 0xFF != whole[8]:
        return None
    return Stamp(int.from_bytes(whole[:2], "big"), int.from_bytes(whole[2:8], "big"))
