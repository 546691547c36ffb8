"""Attack frames made from captured genuine ones (pure, seeded).

The attacker of each kind knows every frame that was ever sent, but no key, as a gateway or a relay
does. RAVEN II fell to the last kind: one forged frame that leads the sequence muted the true
operator (Bonaci et al., arXiv:1504.04339).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from enum import Enum

from safety.authentic import TAG_BYTES
from safety.messages import FRAME_BYTES
from transport.impair import Noise

_TAG_AT = FRAME_BYTES - TAG_BYTES
_CRC_AT = _TAG_AT - 4
_EPOCH_AT, _SEQ_AT, _ECHO_AT = 8, 16, 24
_U64 = struct.Struct("<Q")
U64_MASK = (1 << 64) - 1


class Attack(Enum):
    """What an attacker tries."""

    FORGED = "anything with a right CRC and a made-up tag"
    CHANGED = "a genuine frame with changed content, a right CRC and its old tag"
    REPLAYED = "a genuine frame again"
    REORDERED = "an older genuine frame after newer ones"
    FUTURE = "a genuine frame with a later echo stamp"
    LEADING = "a genuine frame whose sequence number leads by up to 2^63"
    OTHER_EPOCH = "a genuine frame moved into another epoch"
    CUT = "a genuine frame cut short or made longer"


def sealed(body: bytearray, tag: bytes) -> bytes:
    """The frame with the CRC that belongs to it."""
    body[_CRC_AT:_TAG_AT] = zlib.crc32(body[:_CRC_AT]).to_bytes(4, "little")
    return bytes(body[:_TAG_AT]) + tag


def _random(noise: Noise, count: int) -> bytes:
    words = (noise.bits() & 0xFFFFFFFF for _ in range(-(-count // 4)))
    return b"".join(word.to_bytes(4, "little") for word in words)[:count]


def _moved(frame: bytes, at: int, by: int) -> bytes:
    body = bytearray(frame)
    value = (_U64.unpack_from(body, at)[0] + by) & U64_MASK
    _U64.pack_into(body, at, value)
    return sealed(body, frame[_TAG_AT:])


def _forged(frame: bytes, noise: Noise) -> bytes:
    return sealed(bytearray(frame), _random(noise, TAG_BYTES))


def _changed(frame: bytes, noise: Noise) -> bytes:
    body = bytearray(frame)
    at = 8 + noise.bits() % (_CRC_AT - 8)
    body[at] ^= 1 + noise.bits() % 255
    return sealed(body, frame[_TAG_AT:])


def _cut(frame: bytes, noise: Noise) -> bytes:
    size = noise.bits() % (2 * FRAME_BYTES)
    longer = (frame + _random(noise, FRAME_BYTES))[:size]
    return longer if size != FRAME_BYTES else longer[:-1]


_SINGLE: dict[Attack, Callable[[bytes, Noise], bytes]] = {
    Attack.FORGED: _forged,
    Attack.CHANGED: _changed,
    Attack.REPLAYED: lambda frame, noise: frame,
    Attack.FUTURE: lambda frame, noise: _moved(frame, _ECHO_AT, 1 + noise.bits() % (1 << 32)),
    Attack.LEADING: lambda frame, noise: _moved(frame, _SEQ_AT, 1 << noise.bits() % 64),
    Attack.OTHER_EPOCH: lambda frame, noise: _moved(frame, _EPOCH_AT, 1 << noise.bits() % 64),
    Attack.CUT: _cut,
}


def attack_frames(
    captured: Sequence[bytes], attack: Attack, noise: Noise, count: int
) -> Iterator[bytes]:
    """`count` frames of one kind of attack, made from genuine frames in sending order."""
    for _ in range(count):
        index = noise.bits() % len(captured)
        if attack is Attack.REORDERED:  # from the newest backwards
            yield captured[len(captured) - 1 - index]
        else:
            yield _SINGLE[attack](captured[index], noise)
