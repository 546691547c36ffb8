"""Two processes bring frames to guard, each in its own mailbox; neither repeats the other.

Gateway takes data channels, uplink takes datagrams. Before one writes a frame it looks what the
other wrote last: a copy, or a frame that was overtaken, is not written. Both may write the same
frame at the same moment; guard takes it once (`teleop/guard/frames.py`).
"""

from __future__ import annotations

from pathlib import Path

from safety.frame import place_of
from safety.messages import FRAME_BYTES
from teleop import channels
from transport.multilink import FirstCopy


class Beside:
    """The newest frame that the other process wrote."""

    def __init__(self, run_dir: Path, channel: channels.Channel) -> None:
        self._box = channels.raw_box(run_dir, channel)
        self._number = 0
        self._session, self._epoch, self._seq = 0, -1, -1

    def tell(self, session: int, stream: FirstCopy) -> None:
        """Let `stream` of this session know what guard was already given."""
        item = self._box.read()
        if item is not None and item[0] != self._number and len(item[1]) == FRAME_BYTES:
            self._number = item[0]
            self._session, self._epoch, self._seq = place_of(item[1])
        if self._session == session and self._epoch >= 0:
            stream.take(self._epoch, self._seq)
