"""Force frames: golden bytes, round trip, and a thousand damaged ones."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.force_frame import (
    FORCE_FRAME_BYTES,
    ForceFrame,
    ForceFrameError,
    pack,
    unpack,
)

FRAME = ForceFrame(
    number=7, stamp_ns=1_000_000_123, contact=True, force_valid=True, touch=2, force_n=4.5,
    force_ref_n=5.0, inward=(0.0, 0.0, 1.0), base_p_surface_m=(0.5, 0.25, 0.125),
    stiffness_n_m=640.0, damping_n_s_m=8.0, energy_in_j=0.5, energy_out_j=2.0,
)  # fmt: skip
GOLDEN = (
    "484603020700000 07bca9a3b00000000000090400000a0400000000000000000"
    "0000803f0000003f0000803e0000003e00002044000000410000003f00000040"
).replace(" ", "")


def test_golden_bytes_and_round_trip() -> None:
    data = pack(FRAME)
    assert len(data) == FORCE_FRAME_BYTES == 64
    assert data.hex() == GOLDEN
    assert unpack(data) == FRAME


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=80))
def test_bad_bytes_are_refused_or_finite(data: bytes) -> None:
    try:
        frame = unpack(data)
    except ForceFrameError:
        return
    assert math.isfinite(frame.force_n)


@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 63), st.integers(1, 255))
def test_damaged_frames_never_carry_numbers_that_are_none(at: int, flip: int) -> None:
    data = bytearray(pack(FRAME))
    data[at] ^= flip
    try:
        frame = unpack(bytes(data))
    except ForceFrameError:
        return
    numbers = (frame.force_n, frame.force_ref_n, *frame.inward, frame.stiffness_n_m)
    assert all(map(math.isfinite, numbers))
    assert 0 <= frame.touch <= 3


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(ForceFrameError, match="finite"):
        unpack(pack(replace(FRAME, force_n=bad)))
    with pytest.raises(ForceFrameError, match="bytes"):
        unpack(pack(FRAME)[:-1])
    with pytest.raises(ForceFrameError, match="magic"):
        unpack(struct.pack("<H", 1) + pack(FRAME)[2:])
