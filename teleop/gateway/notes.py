"""Notes of the gateway for the recording: who joined, what was refused, what restarted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from teleop import channels
from transport.local.clock import now_ns

NOTE_BYTES = channels.LOG_BYTES - 8


class Notes:
    """Writes `now_ns i64` + JSON into the notes ring; never blocks."""

    def __init__(self, run_dir: Path) -> None:
        self._ring = channels.ring_writer(run_dir, channels.NOTES["gateway"])

    def write(self, event: str, **details: str | int | bool) -> None:
        """Note one event; details are cut to what a note can hold."""
        short = {k: v[:500] if isinstance(v, str) else v for k, v in details.items()}
        body = msgspec.json.encode({"event": event, **short})
        if len(body) > NOTE_BYTES:
            body = msgspec.json.encode({"event": event, "details_too_long": len(body)})
        self._ring.write(now_ns().to_bytes(8, "little", signed=True) + body)
