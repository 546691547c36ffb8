"""The random mark: four digits drawn into the live picture, to be answered before arming.

Block digits of 3 x 5 cells (8 pixels a cell at 480 lines) in a dark box at the upper left, where a
convex picture is black: legible for a person, and readable from decoded pixels after x264 at
1 Mb/s (means over cells; a reading is all four digits exactly or nothing).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DIGITS = 4
_FONT = (
    "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
    "111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111",
)  # fmt: skip
"""Rows of 3 cells, top to bottom, of the digits 0 to 9."""
_WIDE, _HIGH = 4 * DIGITS + 1, 7
"""Cells of the box: digits with one cell between and around them."""
_WHITE, _BLACK = 235, 16
_LIT, _DARK = 150, 90
"""Limits of a cell's mean when reading; in between is unreadable."""


def cell_px(height_px: int) -> int:
    """Size of one cell for a picture of this height (8 at 480 lines)."""
    return max(2, height_px // 60)


def box(height_px: int) -> tuple[int, int, int, int]:
    """Left, top, width and height (pixels) of the box."""
    cell = cell_px(height_px)
    return cell, cell, _WIDE * cell, _HIGH * cell


def _pattern(value: int) -> NDArray[np.bool_]:
    """Lit cells of the box for `value` (0..9999)."""
    cells = np.zeros((_HIGH, _WIDE), bool)
    for place, digit in enumerate(f"{value:0{DIGITS}d}"):
        left = 1 + 4 * place
        rows = np.array([c == "1" for c in _FONT[int(digit)]]).reshape(5, 3)
        cells[1:6, left : left + 3] = rows
    return cells


def draw(luma: NDArray[np.uint8], value: int) -> None:
    """Draw `value` (0..9999) into the picture (height x width, uint8), in place.

    Raises:
        ValueError: the value does not have four digits or fewer.
    """
    if not 0 <= value < 10**DIGITS:
        raise ValueError(f"a mark is 0 to {10**DIGITS - 1}, not {value}")
    left, top, width, height = box(luma.shape[0])
    cell = cell_px(luma.shape[0])
    picture = np.where(_pattern(value), _WHITE, _BLACK).astype(np.uint8)
    luma[top : top + height, left : left + width] = picture.repeat(cell, 0).repeat(cell, 1)


def read(luma: NDArray[np.uint8]) -> int | None:
    """The mark in a decoded picture; None when there is none or it cannot be read for certain."""
    left, top, width, height = box(luma.shape[0])
    cell = cell_px(luma.shape[0])
    part = luma[top : top + height, left : left + width]
    if part.shape != (height, width):
        return None
    means = part.reshape(_HIGH, cell, _WIDE, cell).astype(np.float32).mean(axis=(1, 3))
    lit = means >= _LIT
    if np.any(~lit & (means > _DARK)):
        return None
    value = _digits(lit)
    return value if value is not None and np.array_equal(_pattern(value), lit) else None


def _digits(lit: NDArray[np.bool_]) -> int | None:
    """Look the digits up, ignoring the space around them."""
    text = ""
    for place in range(DIGITS):
        left = 1 + 4 * place
        cells = "".join("1" if c else "0" for c in lit[1:6, left : left + 3].ravel())
        if cells not in _FONT:
            return None
        text += str(_FONT.index(cells))
    return int(text)
