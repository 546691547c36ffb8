"""Challenge and answer of the arm box's enable input (docs/safety-concept.md).

The box draws a new 32-bit challenge every few milliseconds and brakes when the right answer has
been missing for 20 ms. A stuck or restarted process cannot answer by toggling a line.
"""

from __future__ import annotations

import zlib

_PREFIX = b"teleop-enable-1:"


def answer(challenge: int) -> int:
    """Return the 32-bit answer to `challenge` (its low 32 bits)."""
    return zlib.crc32(_PREFIX + (challenge & 0xFFFFFFFF).to_bytes(4, "little"))
