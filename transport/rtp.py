"""RTP packets of H.264 pictures, as pure functions (RFC 3550, RFC 6184, RFC 8285, RFC 4588).

A picture is split once, whoever watches it: `payloads_of` gives the payloads, and each viewer's
`Header` puts its own few bytes in front of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

PAYLOAD_MAX = 1200
"""Bytes of H.264 per packet: with RTP, SRTP, UDP and IPv6 headers below 1,280, which every IPv6
link carries (RFC 8200 section 5), so also tunnels and mobile networks."""
HEADER_SIZE = 12
_START = b"\x00\x00\x01"
_STAP_A, _FU_A = 24, 28
_IDR = 5
_FORBIDDEN_AND_REFERENCE, _TYPE = 0xE0, 0x1F


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B byte stream, without start codes."""
    at = data.find(_START)
    while at >= 0:
        begin = at + 3
        at = data.find(_START, begin)
        unit = data[begin:] if at < 0 else data[begin:at]
        # A zero before a start code belongs to it: no NAL unit ends in one (H.264 7.4.1).
        unit = unit.rstrip(b"\0")
        if unit:
            yield unit


def has_idr(data: bytes) -> bool:
    """Whether decoding can start here: an IDR slice is among the NAL units.

    The codec's own key flag is no answer: with intra-refresh x264 also sets it on a picture that
    only begins a refresh.
    """
    at = data.find(_START)
    while 0 <= at < len(data) - 3:
        if data[at + 3] & _TYPE == _IDR:
            return True
        at = data.find(_START, at + 3)
    return False


def payloads_of(data: bytes, most: int = PAYLOAD_MAX) -> tuple[bytes, ...]:
    """RTP payloads of one picture: small units together (STAP-A), large ones in parts (FU-A)."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    room = most
    for unit in nal_units(data):
        if len(unit) + 2 > room - (0 if small else 1):
            payloads += _together(small)
            small, room = [], most
        if len(unit) > most:
            payloads += _parts(unit, most)
        else:
            room -= len(unit) + 2 + (0 if small else 1)
            small.append(unit)
    return (*payloads, *_together(small))


def _together(units: Sequence[bytes]) -> list[bytes]:
    """One payload for several small units; the largest importance of them counts (6.4.1)."""
    if len(units) < 2:
        return list(units)
    importance = max(unit[0] & 0x60 for unit in units)
    body = b"".join(struct.pack("!H", len(unit)) + unit for unit in units)
    return [bytes([importance | _STAP_A]) + body]


def _parts(unit: bytes, most: int) -> list[bytes]:
    """Fragments of about the same size, so that a lost one costs no more than another."""
    indicator = unit[0] & _FORBIDDEN_AND_REFERENCE | _FU_A
    kind = unit[0] & _TYPE
    count = -(-(len(unit) - 1) // (most - 2))
    size = -(-(len(unit) - 1) // count)
    parts = []
    for begin in range(1, len(unit), size):
        first, last = begin == 1, begin + size >= len(unit)
        parts.append(bytes([indicator, first << 7 | last << 6 | kind]) + unit[begin : begin + size])
    return parts


def unpack(payload: bytes) -> bytes:
    """Annex B bytes of one payload; a fragment's first part carries the start code.

    Raises:
        ValueError: the payload is not H.264 in a form that the other side may send.
    """
    if len(payload) < 2:
        raise ValueError("an H.264 payload has at least two bytes")
    kind = payload[0] & _TYPE
    if 1 <= kind < _STAP_A:
        return b"\0" + _START + payload
    if kind == _FU_A:
        if not payload[1] & 0x80:
            return payload[2:]
        unit = payload[0] & _FORBIDDEN_AND_REFERENCE | payload[1] & _TYPE
        return b"\0" + _START + bytes([unit]) + payload[2:]
    if kind == _STAP_A:
        return b"".join(b"\0" + _START + unit for unit in _aggregated(payload))
    raise ValueError(f"H.264 payload type {kind} is not used")


def _aggregated(payload: bytes) -> list[bytes]:
    units, at = [], 1
    while at < len(payload):
        end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
        if at + 2 > len(payload) or end > len(payload):
            raise ValueError("a unit in an H.264 aggregate is cut short")
        units.append(payload[at + 2 : end])
        at = end
    return units


class Header:
    """RTP headers of one stream; all but four fields stay the same."""

    def __init__(self, payload_type: int, ssrc: int, extensions: tuple[int, bytes]) -> None:
        """Take `extensions` as (profile, packed elements of RFC 8285), (0, b"") for none."""
        profile, packed = extensions
        self._payload_type = payload_type
        self._ssrc = ssrc
        self._first = 0x90 if packed else 0x80
        self._tail = struct.pack("!HH", profile, len(packed) // 4) + packed if packed else b""

    def pack(
        self, payload: bytes, *, sequence: int, timestamp: int, marker: bool, tail: bytes = b""
    ) -> bytes:
        """A whole packet; `tail` replaces the extension block (same length) when given."""
        fixed = struct.pack(
            "!BBHII", self._first, marker << 7 | self._payload_type, sequence, timestamp, self._ssrc
        )
        return fixed + (tail or self._tail) + payload

    @property
    def tail(self) -> bytes:
        """The extension block: profile, length, elements."""
        return self._tail
