"""What a decoder's owner must know of H.264: where decoding can start (annexes B, D), pure."""

from __future__ import annotations

from transport.rtp import nal_units

_IDR, _SEI = 5, 6
_RECOVERY_POINT = 6


def recovery_frames(data: bytes) -> int | None:
    """Frames after which the picture is whole when decoding starts here; None: not a start.

    0 for an IDR picture. With intra-refresh, the recovery point message of D.2.8 says how many
    frames the refresh takes.
    """
    found: int | None = None
    for unit in nal_units(data):
        kind = unit[0] & 0x1F
        if kind == _IDR:
            return 0
        if kind == _SEI:
            found = _recovery_point(unit) if found is None else found
    return found


def _recovery_point(unit: bytes) -> int | None:
    """`recovery_frame_cnt` of an SEI unit (the message is too short for emulation prevention)."""
    at = 1
    while at + 2 < len(unit):
        kind, size = unit[at], unit[at + 1]
        if kind == 0xFF or size == 0xFF:  # long messages of others, never a recovery point
            return None
        if kind == _RECOVERY_POINT:
            return _exp_golomb(unit[at + 2 : at + 2 + size])
        at += 2 + size
    return None


def _exp_golomb(body: bytes) -> int | None:
    """The first unsigned Exp-Golomb code of `body` (9.1)."""
    bits = "".join(f"{byte:08b}" for byte in body[:8])
    zeros = len(bits) - len(bits.lstrip("0"))
    code = bits[zeros : 2 * zeros + 1]
    return int(code, 2) - 1 if len(code) == zeros + 1 else None
