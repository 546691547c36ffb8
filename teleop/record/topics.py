"""What is recorded: one row per topic."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from safety import messages as m
from teleop import channels
from teleop.channels import Channel
from teleop.record.describe import Field, command_fields, fields_of, schema_json, struct_format
from transport.local.timing import LoopTiming

PACKED = "teleop-struct"
"""Message and schema encoding of packed messages: the schema is JSON, see `describe.py`."""
JSON = "json"
_JSON_SCHEMA = b'{"type":"object"}'


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic and the channel it comes from."""

    name: str
    schema: str
    channel: Channel
    stamp_at: int
    """Offset of its monotonic stamp (i64, ns) in the packed bytes."""
    fields: Callable[[], list[Field]] | None = None
    """Layout of packed messages; None: a stamp, then JSON."""
    process: str = ""
    """Which process wrote a note."""

    @property
    def encoding(self) -> str:
        """Message encoding in the file."""
        return JSON if self.fields is None else PACKED

    def schema_data(self) -> bytes:
        """The embedded schema."""
        return _JSON_SCHEMA if self.fields is None else schema_json(self.schema, self.fields())

    def stamp_ns(self, payload: bytes) -> int:
        """When the message was made."""
        return int.from_bytes(payload[self.stamp_at : self.stamp_at + 8], "little", signed=True)


TOPICS: tuple[Topic, ...] = (
    Topic("guard_step", "GuardStep", channels.GUARD_LOG, 0, lambda: fields_of(m.GuardStep)),
    Topic("servo_step", "ServoStep", channels.SERVO_LOG, 0, lambda: fields_of(m.ServoStep)),
    Topic("guard_snapshot", "GuardSnapshot", channels.GUARD_SNAPSHOT, 0),
    Topic("servo_snapshot", "ServoSnapshot", channels.SERVO_SNAPSHOT, 0),
    Topic("command", "SafetyFrame", channels.COMMAND_LOG, 0, command_fields),
    Topic("frame_stamp", "FrameStamp", channels.FRAME_STAMPS, 8, lambda: fields_of(m.FrameStamp)),
    Topic("media_status", "MediaStatus", channels.MEDIA_STATUS, 8,
          lambda: fields_of(m.MediaStatus)),
    *(Topic(f"{name}_timing", "LoopTiming", channel, 0, lambda: fields_of(LoopTiming))
      for name, channel in channels.TIMING.items()),
    *(Topic("note", "Note", channel, 0, None, name) for name, channel in channels.NOTES.items()),
)  # fmt: skip


@cache
def packed_struct(name: str) -> struct.Struct:
    """The struct of a packed topic as this version writes it."""
    topic = next(t for t in TOPICS if t.name == name)
    assert topic.fields is not None
    return struct.Struct(struct_format(topic.fields()))
