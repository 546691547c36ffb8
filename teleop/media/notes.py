"""What the recording should know about media: one note channel, bounded text."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from teleop import channels
from transport.local.clock import now_ns

_STAMP = struct.Struct("<q")


class Notes:
    """Writes `now_ns` + UTF-8 JSON into the notes ring of media."""

    def __init__(self, run_dir: Path) -> None:
        channel = channels.NOTES["media"]
        self._ring = channels.ring_writer(run_dir, channel)
        self._most = channel.size - _STAMP.size

    def write(self, kind: str, **facts: Any) -> None:
        """Write one note; texts are cut so that it fits."""
        short = {k: v[:1000] if isinstance(v, str) else v for k, v in facts.items()}
        body = json.dumps({"note": kind, **short}, ensure_ascii=False).encode()
        if len(body) > self._most:
            body = json.dumps({"note": kind, "cut": True}).encode()
        self._ring.write(_STAMP.pack(now_ns()) + body)

    def close(self) -> None:
        """Unmap the ring."""
        self._ring.close()
