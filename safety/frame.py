"""The safety frame: an expert's command as 124 fixed bytes, checked with the standard library.

Little-endian, no padding. Guard sees exactly the bytes that the console made. The CRC covers all
bytes before it; the 16-byte tag is room for end-to-end authentication (zero until keys exist).
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass

from safety.layout import Vec3
from safety.messages import FRAME_BYTES, Command

MAGIC = 0x5546  # "FU" on the wire
VERSION = 1
TYPE_COMMAND = 1

FLAG_DEADMAN = 1
FLAG_CLUTCH = 2
FLAG_HANDLE = 4
"""The hand feels: a haptic handle."""
FLAG_TOUCH_FELT = 8
"""Bits 4 and 5 carry the number of the touch that is felt."""
TOUCH_SHIFT = 4
TOUCH_MASK = 3

V_UNIT_M_S = 1e-5
"""Unit of hand velocity on the wire (i16: +-0.327 m/s)."""
W_UNIT_RAD_S = 1e-4
"""Unit of hand angular velocity on the wire (i16: +-3.27 rad/s)."""

FIELDS: tuple[tuple[str, str, str, str], ...] = (
    ("magic", "H", "-", "0x5546"),
    ("version", "B", "-", "1"),
    ("type", "B", "-", "1 = command"),
    ("session", "I", "-", "session number from `welcome`"),
    ("epoch", "Q", "-", "epoch from the newest telemetry"),
    ("seq", "Q", "-", "strictly newer in each epoch"),
    ("echo_ns", "Q", "ns", "stamp of the newest heartbeat when the input was sampled"),
    ("echo_nonce", "I", "-", "nonce of that heartbeat"),
    ("frame_id", "I", "90 kHz", "RTP timestamp of the frame on screen"),
    ("dwell_us", "I", "us", "time that frame had been on screen, 0..100000"),
    ("haptic_echo_us", "I", "us", "stamp of the last rendered telemetry, modulo 2^32"),
    ("haptic_dwell_us", "I", "us", "time since it was rendered"),
    ("flags", "B", "-", "1 deadman, 2 clutch, 4 haptic handle, 8 touch felt, 16 and 32 its number"),
    ("mode", "B", "-", "0 probe, 1 needle"),
    ("deadman_edges", "H", "-", "counts presses, modulo 65536"),
    ("hand_p_m", "3f", "m", "hand position, view frame, accumulated"),
    ("hand_r_rad", "3f", "rad", "hand tilt, view frame, accumulated"),
    ("hand_v", "3h", "1e-5 m/s", "hand velocity"),
    ("hand_w", "3h", "1e-4 rad/s", "hand angular velocity"),
    ("force_ref_n", "f", "N", "wanted normal force, 0..20"),
    ("needle_v_m_s", "f", "m/s", "needle speed along its guide, -0.005..0.005"),
    ("limits_hash", "I", "-", "hash of the limits the console was told"),
    ("crc", "I", "-", "CRC-32 (zlib) of all bytes before"),
    ("tag", "16s", "-", "authentication tag (zero: none)"),
)
"""Name, struct code, unit, meaning. The JavaScript codec is generated from this table."""

_STRUCT = struct.Struct("<" + "".join(code for _, code, _, _ in FIELDS))
_CRC_AT = FRAME_BYTES - 20
assert _STRUCT.size == FRAME_BYTES


_PLACE = struct.Struct("<4xIQQ")


def place_of(data: bytes) -> tuple[int, int, int]:
    """Session, epoch and sequence of `FRAME_BYTES` bytes, unchecked: which copy of which frame."""
    session, epoch, seq = _PLACE.unpack_from(data)
    return session, epoch, seq


class FrameError(ValueError):
    """The peer sent a frame that is not a safety frame; nothing of it is used."""


@dataclass(frozen=True, slots=True)
class SafetyFrame:
    """A decoded safety frame."""

    session: int
    epoch: int
    seq: int
    echo_ns: int
    echo_nonce: int
    frame_id: int
    dwell_us: int
    haptic_echo_us: int
    haptic_dwell_us: int
    flags: int
    mode: int
    deadman_edges: int
    hand_p_m: Vec3
    hand_r_rad: Vec3
    hand_v_m_s: Vec3
    hand_w_rad_s: Vec3
    force_ref_n: float
    needle_v_m_s: float
    limits_hash: int

    @property
    def deadman(self) -> bool:
        """Level of the deadman."""
        return bool(self.flags & FLAG_DEADMAN)

    @property
    def clutch(self) -> bool:
        """Clutch pressed: the hand moves without the robot."""
        return bool(self.flags & FLAG_CLUTCH)

    @property
    def handle(self) -> bool:
        """The command comes from a haptic handle."""
        return bool(self.flags & FLAG_HANDLE)

    @property
    def touch_echo(self) -> int:
        """Number of the touch that the hand feels, -1: none."""
        if not self.flags & FLAG_TOUCH_FELT:
            return -1
        return self.flags >> TOUCH_SHIFT & TOUCH_MASK


def _units(values: Vec3, unit: float) -> tuple[int, ...]:
    return tuple(max(-32767, min(32767, round(v / unit))) for v in values)


def pack(frame: SafetyFrame) -> bytes:
    """Return the 124 bytes of `frame` (tag zero). ValueError/struct.error: value out of range."""
    body = _STRUCT.pack(
        MAGIC,
        VERSION,
        TYPE_COMMAND,
        frame.session,
        frame.epoch,
        frame.seq,
        frame.echo_ns,
        frame.echo_nonce,
        frame.frame_id,
        frame.dwell_us,
        frame.haptic_echo_us,
        frame.haptic_dwell_us,
        frame.flags,
        frame.mode,
        frame.deadman_edges,
        *frame.hand_p_m,
        *frame.hand_r_rad,
        *_units(frame.hand_v_m_s, V_UNIT_M_S),
        *_units(frame.hand_w_rad_s, W_UNIT_RAD_S),
        frame.force_ref_n,
        frame.needle_v_m_s,
        frame.limits_hash,
        0,
        bytes(16),
    )
    crc = zlib.crc32(body[:_CRC_AT])
    return body[:_CRC_AT] + crc.to_bytes(4, "little") + bytes(16)


def unpack(data: bytes) -> SafetyFrame:
    """Decode `data`; FrameError: wrong size, magic, version, type, CRC, or not finite."""
    if len(data) != FRAME_BYTES:
        raise FrameError(f"{len(data)} bytes, a safety frame has {FRAME_BYTES}")
    v = _STRUCT.unpack(data)
    if v[0] != MAGIC or v[1] != VERSION or v[2] != TYPE_COMMAND:
        raise FrameError(f"magic {v[0]:#x} version {v[1]} type {v[2]} unknown")
    if zlib.crc32(data[:_CRC_AT]) != v[30]:
        raise FrameError("CRC does not match")
    floats = (*v[15:21], *v[27:29])
    if not all(math.isfinite(x) for x in floats):
        raise FrameError("a number is not finite")
    session, epoch, seq, echo_ns, echo_nonce, frame_id, dwell_us, haptic_us, haptic_dwell_us = v[
        3:12
    ]
    return SafetyFrame(
        session=session,
        epoch=epoch,
        seq=seq,
        echo_ns=echo_ns,
        echo_nonce=echo_nonce,
        frame_id=frame_id,
        dwell_us=dwell_us,
        haptic_echo_us=haptic_us,
        haptic_dwell_us=haptic_dwell_us,
        flags=v[12],
        mode=v[13],
        deadman_edges=v[14],
        hand_p_m=v[15:18],
        hand_r_rad=v[18:21],
        hand_v_m_s=tuple(x * V_UNIT_M_S for x in v[21:24]),
        hand_w_rad_s=tuple(x * W_UNIT_RAD_S for x in v[24:27]),
        force_ref_n=v[27],
        needle_v_m_s=v[28],
        limits_hash=v[29],
    )


def command_of(frame: SafetyFrame) -> Command:
    """The part of an accepted frame that servo needs."""
    return Command(
        seq=frame.seq,
        epoch=frame.epoch,
        echo_ns=frame.echo_ns,
        frame_id=frame.frame_id,
        dwell_us=frame.dwell_us,
        deadman=frame.deadman,
        clutch=frame.clutch,
        deadman_edges=frame.deadman_edges,
        mode=frame.mode,
        hand_p_m=frame.hand_p_m,
        hand_r_rad=frame.hand_r_rad,
        hand_v_m_s=frame.hand_v_m_s,
        hand_w_rad_s=frame.hand_w_rad_s,
        force_ref_n=frame.force_ref_n,
        needle_v_m_s=frame.needle_v_m_s,
        handle=frame.handle,
        touch_echo=frame.touch_echo,
    )
