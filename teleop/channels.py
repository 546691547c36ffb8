"""Every channel between processes in one table: name, content, writer, readers.

Files live in the run folder (shared memory where the machine has it), mode 0600.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safety import messages as m
from safety.layout import Layout
from transport.local import mailbox
from transport.local.ring import RingReader, RingWriter
from transport.local.timing import LOOP_TIMING

ARRIVAL_BYTES = 224
"""Largest `Arrival` of uplink."""
LOG_BYTES = 4096
"""Largest snapshot or note in a log ring."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One mailbox (slots 2) or ring (more slots)."""

    name: str
    writer: str
    readers: str
    size: int
    slots: int = 2
    layout: Layout[Any] | None = None


def _box(name: str, layout: Layout[Any], writer: str, readers: str) -> Channel:
    return Channel(name, writer, readers, layout.size, 2, layout)


def _ring(name: str, layout: Layout[Any], writer: str, readers: str, slots: int) -> Channel:
    return Channel(name, writer, readers, layout.size, slots, layout)


ARM_STATE = _box("arm.state", m.ARM_STATE, "arm", "servo guard gateway media record")
ARM_COMMAND = _box("arm.command", m.ARM_COMMAND, "servo", "arm")
ARM_ENABLE = _box("arm.enable", m.ENABLE, "guard", "arm")
PERMIT = _box("guard.permit", m.PERMIT, "guard", "servo")
GUARD_REPORT = _box("guard.report", m.GUARD_REPORT, "guard", "servo gateway media record cli")
SERVO_REPORT = _box("servo.report", m.SERVO_REPORT, "servo", "guard gateway record cli")
GATEWAY_STATUS = _box("gateway.status", m.GATEWAY_STATUS, "gateway", "guard record cli")
MEDIA_STATUS = _box("media.status", m.MEDIA_STATUS, "media", "guard gateway record cli")
COMMAND_FRAME = Channel("gateway.frame", "gateway", "guard uplink", m.FRAME_BYTES)
"""Newest safety frame that came by data channel, byte for byte as the console made it."""
DATAGRAM_FRAME = Channel("uplink.frame", "uplink", "guard gateway", m.FRAME_BYTES)
"""The same by datagram. Neither process repeats what the other has written."""
DATAGRAM_ARRIVALS = Channel("uplink.arrivals", "uplink", "gateway", ARRIVAL_BYTES, 4096)
"""Every authentic datagram (`teleop/uplink/messages.py`): 1 s at twice the allowed rate."""
FRAME_STAMPS = _ring("media.frames", m.FRAME_STAMP, "media", "guard gateway record", 256)
STEP_SLOTS = 8192
"""16 s at 500 Hz, 8 s at 1 kHz: `record` may start or stand still for that long and miss no step.
26 MB for both: a container's /dev/shm has often 64 MB."""
GUARD_LOG = _ring("guard.log", m.GUARD_STEP, "guard", "record", STEP_SLOTS)
SERVO_LOG = _ring("servo.log", m.SERVO_STEP, "servo", "record", STEP_SLOTS)
GUARD_SNAPSHOT = Channel("guard.snapshot", "guard", "record", 16384, 16)
"""`now_ns i64` + state snapshot, each second and after every drop."""
SERVO_SNAPSHOT = Channel("servo.snapshot", "servo", "record", 16384, 16)
COMMAND_LOG = Channel("gateway.commands", "gateway", "record", 8 + m.FRAME_BYTES, 2048)
"""`received_ns i64` + raw bytes of every command frame."""
NOTERS = ("supervisor", "arm", "servo", "guard", "gateway", "media", "keys",
          "uplink")  # fmt: skip
NOTES = {name: Channel(f"{name}.notes", name, "record", LOG_BYTES, 64) for name in NOTERS}
"""`stamp_ns i64` + UTF-8 JSON: session changes, errors, exits."""

TIMING = {name: _box(f"{name}.timing", LOOP_TIMING, name, "gateway record cli")
          for name in ("arm", "servo", "guard", "uplink")}  # fmt: skip
"""How late each control loop, and uplink, wakes, and which rights it has."""

ALL: tuple[Channel, ...] = (
    ARM_STATE, ARM_COMMAND, ARM_ENABLE, PERMIT, GUARD_REPORT, SERVO_REPORT, GATEWAY_STATUS,
    MEDIA_STATUS, COMMAND_FRAME, FRAME_STAMPS, GUARD_LOG, SERVO_LOG, GUARD_SNAPSHOT,
    SERVO_SNAPSHOT, COMMAND_LOG, DATAGRAM_FRAME, DATAGRAM_ARRIVALS,
    *NOTES.values(), *TIMING.values(),
)  # fmt: skip

GUARD_EVENTS = "guard.events"
"""Unix datagram socket of guard (`GuardEvent`)."""
MEDIA_CONTROL = "media.control"
"""Unix stream socket of media: signalling and image settings, one JSON message per line."""


def create_all(run_dir: Path) -> None:
    """Create every channel file; existing ones of the right size are kept."""
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for channel in ALL:
        mailbox.create(run_dir / channel.name, channel.size, channel.slots)


def box(run_dir: Path, channel: Channel) -> mailbox.Mailbox[Any]:
    """Open a typed mailbox."""
    assert channel.layout is not None
    return mailbox.Mailbox(run_dir / channel.name, channel.layout)


def raw_box(run_dir: Path, channel: Channel) -> mailbox.RawMailbox:
    """Open a mailbox of bytes."""
    return mailbox.RawMailbox(run_dir / channel.name, channel.size)


def ring_writer(run_dir: Path, channel: Channel) -> RingWriter:
    """Open a ring for writing."""
    return RingWriter(run_dir / channel.name, channel.size, channel.slots)


def ring_reader(run_dir: Path, channel: Channel, *, from_oldest: bool) -> RingReader:
    """Open a ring for reading."""
    return RingReader(run_dir / channel.name, channel.size, channel.slots, from_oldest=from_oldest)
