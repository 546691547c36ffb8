"""Of each message that comes over several links, or twice, the first copy passes."""

from __future__ import annotations

import msgspec

from teleop.scripted.lane import Hearing
from transport.multilink import Copy, FirstCopy
from transport.schema import HEARTBEAT

RESTARTED = 25
"""Telemetry this many messages behind is of a gateway that counts anew, not an old copy."""
U32 = 1 << 32


class _Head(msgspec.Struct, array_like=True):
    """The beginning of a telemetry message."""

    stamp_us: int
    seq: int


_head = msgspec.msgpack.Decoder(_Head)


class Newest:
    """Lets the first copy of each message pass, unless a newer one came before."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._beats = FirstCopy()
        self._telemetry = _Head(0, -RESTARTED)
        self._force = -1

    def heartbeat(self, data: bytes) -> None:
        """Stamps of a restarted guard go on rising: its clock is the machine's."""
        if len(data) == HEARTBEAT.size:
            _, _, stamp_ns, _, epoch = HEARTBEAT.unpack(data)
            if self._beats.take(epoch, stamp_ns) is not Copy.NEWEST:
                return
        self._hearing.heartbeat(data)

    def telemetry(self, data: bytes) -> None:
        """By number; a message that cannot be read goes on, to be counted."""
        try:
            head = _head.decode(data)
        except (msgspec.MsgspecError, ValueError):
            self._hearing.telemetry(data)
            return
        behind = self._telemetry.seq - head.seq
        if head.stamp_us < self._telemetry.stamp_us or 0 <= behind < RESTARTED:
            return
        self._telemetry = head
        self._hearing.telemetry(data)

    def force(self, data: bytes) -> None:
        """By the number of the force frame (bytes 4 to 7, `transport/force_frame.py`)."""
        number = int.from_bytes(data[4:8], "little")
        step = (number - self._force) % U32
        if self._force >= 0 and (step == 0 or step >= U32 // 2):
            return
        self._force = number
        if self._hearing.force is not None:
            self._hearing.force(data)
