"""Force frame: what a haptic console feels, robot -> console, as 64 fixed bytes.

Little-endian, no padding. It carries the measured force, the model of the touched surface and the
cumulative energies of the robot's port together, so that each frame is complete: loss and
reordering only make it older. Probe frame unless named otherwise; z is into the patient.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

from safety.layout import Vec3

MAGIC = 0x4648  # "HF" on the wire
_STRUCT = struct.Struct("<HBBIq2f3f3f2f2f")
FORCE_FRAME_BYTES = _STRUCT.size
FLAG_CONTACT = 1
FLAG_VALID = 2


class ForceFrameError(ValueError):
    """The peer sent a force frame that cannot be used; nothing of it is taken."""


@dataclass(frozen=True, slots=True)
class ForceFrame:
    """One sample of the haptic leg."""

    number: int
    """Counts frames, modulo 2^32: tells loss, and which is newer."""
    stamp_ns: int
    """When the force was sampled (robot's clock)."""
    contact: bool
    force_valid: bool
    touch: int
    """Number of the touch, 0..3."""
    force_n: float
    """Normal force on the patient."""
    force_ref_n: float
    """What the robot regulates it to now."""
    inward: Vec3
    """Inward unit normal of the surface."""
    base_p_surface_m: Vec3
    """Where the probe touches, base frame."""
    stiffness_n_m: float
    damping_n_s_m: float
    energy_in_j: float
    """Energy that the patient gave to the robot's port since it started."""
    energy_out_j: float
    """Energy that the robot's port gave to the patient."""


def pack(frame: ForceFrame) -> bytes:
    """Return the bytes of `frame`."""
    flags = FLAG_CONTACT * frame.contact | FLAG_VALID * frame.force_valid
    return _STRUCT.pack(
        MAGIC, flags, frame.touch, frame.number & 0xFFFFFFFF, frame.stamp_ns, frame.force_n,
        frame.force_ref_n, *frame.inward, *frame.base_p_surface_m, frame.stiffness_n_m,
        frame.damping_n_s_m, frame.energy_in_j, frame.energy_out_j,
    )  # fmt: skip


def unpack(data: bytes) -> ForceFrame:
    """Decode `data`; ForceFrameError: wrong size, magic, or a number that is not finite."""
    if len(data) != FORCE_FRAME_BYTES:
        raise ForceFrameError(f"{len(data)} bytes, a force frame has {FORCE_FRAME_BYTES}")
    v = _STRUCT.unpack(data)
    if v[0] != MAGIC:
        raise ForceFrameError(f"magic {v[0]:#x} unknown")
    if not all(math.isfinite(x) for x in v[5:]):
        raise ForceFrameError("a number is not finite")
    return ForceFrame(
        number=v[3],
        stamp_ns=v[4],
        contact=bool(v[1] & FLAG_CONTACT),
        force_valid=bool(v[1] & FLAG_VALID),
        touch=v[2] & 3,
        force_n=v[5],
        force_ref_n=v[6],
        inward=v[7:10],
        base_p_surface_m=v[10:13],
        stiffness_n_m=v[13],
        damping_n_s_m=v[14],
        energy_in_j=v[15],
        energy_out_j=v[16],
    )
