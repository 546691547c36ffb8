"""The safety frame: golden bytes, and nothing but a safety frame is accepted."""

import dataclasses
import math
import random
import struct
import zlib

import pytest

from safety import frame
from safety.frame import FrameError, SafetyFrame
from safety.messages import FRAME_BYTES

EXAMPLE = SafetyFrame(
    session=0x01020304,
    epoch=0x1112131415161718,
    seq=42,
    echo_ns=1_234_567_890_123,
    echo_nonce=0xDEADBEEF,
    frame_id=0xCAFEBABE,
    dwell_us=12_345,
    haptic_echo_us=77,
    haptic_dwell_us=88,
    flags=frame.FLAG_DEADMAN,
    mode=0,
    deadman_edges=3,
    hand_p_m=(0.5, -0.25, 0.125),
    hand_r_rad=(0.0, 0.5, -0.5),
    hand_v_m_s=(0.01, -0.02, 0.0),
    hand_w_rad_s=(0.1, 0.0, -0.1),
    force_ref_n=5.0,
    needle_v_m_s=0.0,
    limits_hash=0x00C0FFEE,
)
GOLDEN = (
    "4655010104030201181716151413121"
    "12a00000000000000cb04fb711f010000efbeaddebebafeca39300000"
    "4d00000058000000010003000000003f000080be0000003e000000000000003f000000bfe80330f80000e80300"
    "0018fc0000a04000000000eeffc000"
)


def test_golden_bytes() -> None:
    packed = frame.pack(EXAMPLE)
    assert packed[: FRAME_BYTES - 20].hex() == GOLDEN
    assert frame.unpack(packed) == EXAMPLE


def test_every_single_bit_error_is_refused() -> None:
    packed = frame.pack(EXAMPLE)
    for bit in range((FRAME_BYTES - 16) * 8):
        broken = bytearray(packed)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FrameError):
            frame.unpack(bytes(broken))


def test_thousands_of_random_byte_strings_are_refused() -> None:
    rng = random.Random(2)
    for _ in range(5000):
        size = FRAME_BYTES if rng.random() < 0.7 else rng.randrange(0, 300)
        with pytest.raises(FrameError):
            frame.unpack(rng.randbytes(size))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["force_ref_n", "needle_v_m_s", "hand_p_m", "hand_r_rad"])
def test_a_number_that_is_not_finite_is_refused(field: str, value: float) -> None:
    three = [(value, 0.0, 0.0), (0.0, value, 0.0), (0.0, 0.0, value)]
    for bad in three if field.startswith("hand") else [value]:
        with pytest.raises(FrameError, match="finite"):
            frame.unpack(frame.pack(dataclasses.replace(EXAMPLE, **{field: bad})))  # type: ignore[arg-type]


def resealed(packed: bytes, at: int, value: int) -> bytes:
    """One byte changed by somebody who knows how to compute the CRC."""
    end = FRAME_BYTES - 20
    body = packed[:at] + bytes((value,)) + packed[at + 1 : end]
    return body + zlib.crc32(body).to_bytes(4, "little") + packed[end + 4 :]


@pytest.mark.parametrize(("at", "value", "said"), [
    (0, 0x47, "magic 0x5547 version 1 type 1 unknown"),
    (2, 2, "magic 0x5546 version 2 type 1 unknown"),
    (3, 3, "magic 0x5546 version 1 type 3 unknown"),
])  # fmt: skip
def test_another_kind_of_frame_is_refused_by_name(at: int, value: int, said: str) -> None:
    packed = frame.pack(EXAMPLE)
    assert frame.unpack(resealed(packed, 2, 1)) == EXAMPLE
    with pytest.raises(FrameError, match=f"^{said}$"):
        frame.unpack(resealed(packed, at, value))


@pytest.mark.parametrize(("flags", "deadman", "clutch", "handle", "touch"), [
    (0, False, False, False, -1), (1, True, False, False, -1), (2, False, True, False, -1),
    (4, False, False, True, -1), (8, False, False, False, 0), (8 + 32, False, False, False, 2),
    (48, False, False, False, -1), (15 + 48 + 64, True, True, True, 3),
])  # fmt: skip
def test_flags(flags: int, deadman: bool, clutch: bool, handle: bool, touch: int) -> None:
    f = dataclasses.replace(EXAMPLE, flags=flags)
    assert (f.deadman, f.clutch, f.handle, f.touch_echo) == (deadman, clutch, handle, touch)
    command = frame.command_of(f)
    assert (command.deadman, command.clutch) == (deadman, clutch)
    assert (command.handle, command.touch_echo) == (handle, touch)


def test_a_speed_beyond_the_wire_is_its_largest() -> None:
    f = dataclasses.replace(EXAMPLE, hand_v_m_s=(1.0, -1.0, 0.32767), hand_w_rad_s=(9.0, -9.0, 0.0))
    v, w = frame.unpack(frame.pack(f)).hand_v_m_s, frame.unpack(frame.pack(f)).hand_w_rad_s
    assert v == pytest.approx((0.32767, -0.32767, 0.32767))
    assert w == pytest.approx((3.2767, -3.2767, 0.0))
    assert frame.place_of(frame.pack(f)) == (f.session, f.epoch, f.seq)


def test_the_table_of_fields_is_the_layout() -> None:
    assert struct.calcsize("<" + "".join(f[1] for f in frame.FIELDS)) == FRAME_BYTES <= 128
