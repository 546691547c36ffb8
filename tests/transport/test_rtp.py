"""H.264 in RTP: what is packed comes out again, also for aiortc; bad input is refused."""

from __future__ import annotations

import random
import struct

import pytest
from aiortc.codecs.h264 import h264_depayload
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.h264 import recovery_frames
from transport.rtp import PAYLOAD_MAX, Header, has_idr, nal_units, payloads_of, unpack
from transport.sequence import unwrap

SIZES = (1, 3, 20, 500, 1195, 1197, 1198, 1199, 1200, 1201, 2395, 2396, 2397, 3000)


def _unit(rng: random.Random) -> bytes:
    body = bytes(rng.randrange(1, 256) for _ in range(rng.choice(SIZES)))
    return bytes([rng.choice([0x67, 0x68, 0x65, 0x41, 0x06])]) + body


@pytest.mark.parametrize("seed", range(300))
def test_every_picture_survives_its_packets(seed: int) -> None:
    rng = random.Random(seed)
    units = [_unit(rng) for _ in range(rng.randrange(1, 7))]
    starts = (b"\0\0\1", b"\0\0\0\1")
    picture = b"".join(rng.choice(starts) + unit for unit in units)
    assert list(nal_units(picture)) == units
    payloads = payloads_of(picture)
    assert max(map(len, payloads)) <= PAYLOAD_MAX
    whole = b"".join(b"\0\0\0\1" + unit for unit in units)
    assert b"".join(map(unpack, payloads)) == whole
    assert b"".join(map(h264_depayload, payloads)) == whole


def test_small_units_share_a_packet_and_parts_are_of_equal_size() -> None:
    picture = b"\0\0\1\x67ab\0\0\1\x68cd\0\0\1\x65" + b"x" * 5000
    payloads = payloads_of(picture)
    assert len(payloads) == 1 + 5
    assert max(map(len, payloads[1:])) - min(map(len, payloads[1:-1])) == 0
    assert payloads[0][0] & 0x1F == 24


@settings(max_examples=1500, deadline=None)
@given(st.binary(max_size=80))
def test_whatever_arrives_is_read_or_refused(payload: bytes) -> None:
    try:
        unpack(payload)
    except ValueError:
        return
    recovery_frames(payload)
    assert isinstance(has_idr(payload), bool)
    list(nal_units(payload))


def test_headers_are_read_by_aiortc() -> None:
    tail = struct.pack("!B3sBBxx", 0x12, b"abc", 0x40, ord("0"))
    packet = Header(102, 0xDEADBEEF, (0xBEDE, tail)).pack(
        b"payload", sequence=65535, timestamp=1 << 31, marker=True
    )
    read = RtpPacket.parse(packet)
    assert (read.payload_type, read.ssrc, read.sequence_number) == (102, 0xDEADBEEF, 65535)
    assert (read.timestamp, read.marker, read.payload) == (1 << 31, 1, b"payload")
    bare = RtpPacket.parse(
        Header(96, 1, (0, b"")).pack(b"p", sequence=0, timestamp=0, marker=False)
    )
    assert (bare.marker, bare.payload) == (0, b"p")


def test_where_decoding_can_start() -> None:
    recovery_38 = bytes([0x06, 0x06, 0x03, 0b00000100, 0b11110000, 0x80, 0x80])
    slice_p = b"\0\0\1\x41abc"
    assert recovery_frames(b"\0\0\1\x65abc") == 0
    assert recovery_frames(b"\0\0\1" + recovery_38 + slice_p) == 38
    assert recovery_frames(slice_p) is None
    assert has_idr(b"\0\0\0\1\x67\0\0\1\x65a")
    assert not has_idr(slice_p)


def test_sequence_numbers_go_on_counting() -> None:
    assert unwrap(0, 65535) == 65536
    assert unwrap(65535, 65536) == 65535
    assert unwrap(5, 3 * 65536 + 10) == 3 * 65536 + 5
    rng = random.Random(7)
    for _ in range(1000):
        true = rng.randrange(1 << 40)
        assert unwrap(true & 0xFFFF, true + rng.randrange(-30000, 30000)) == true
