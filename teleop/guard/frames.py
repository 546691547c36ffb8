"""The newest command frame of two mailboxes: gateway brings data channels, uplink datagrams.

Both may bring the same frame (each looks what the other wrote, but they may write at the same
moment). A copy, or a frame that a newer genuine one has overtaken, is left out: it is no mistake of
the console that would have to be counted. Everything else is shown to the core, which judges it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safety.frame import place_of
from safety.messages import FRAME_BYTES
from safety.states import Authenticity
from teleop import channels


class CommandFrames:
    """Looks into both mailboxes, once per step."""

    def __init__(self, run_dir: Path, judge: Callable[[bytes], Authenticity]) -> None:
        self._judge = judge
        sources = (channels.DATAGRAM_FRAME, channels.COMMAND_FRAME)
        self._boxes = [channels.raw_box(run_dir, source) for source in sources]
        self._read = [0] * len(sources)
        self._written = 0
        """Frames written since the last one that was shown."""
        self._newest = (0, -1, -1)
        """Session, epoch and sequence of the last genuine one."""
        self._count = 0
        self.data = bytes(FRAME_BYTES)
        self.authenticity = Authenticity.NO_KEY

    def look(self) -> int:
        """Take what is new into `data`; return how many frames were written so far."""
        best: tuple[bool, int, int] | None = None
        for index in range(len(self._boxes)):
            data = self._new(index)
            if data is None:
                continue
            authenticity = self._judge(data)
            session, epoch, seq = place_of(data)
            genuine = authenticity is Authenticity.GENUINE
            if genuine and session == self._newest[0] and (epoch, seq) <= self._newest[1:]:
                self._written -= 1
                continue
            if best is None or (genuine, epoch, seq) > best:
                best = (genuine, epoch, seq)
                self.data, self.authenticity = data, authenticity
            if genuine:
                self._newest = (session, epoch, seq)
        if best is not None:
            self._count, self._written = self._count + max(1, self._written), 0
        return self._count

    def _new(self, index: int) -> bytes | None:
        """A frame that was not there at the last look."""
        item = self._boxes[index].read_newer(self._read[index])
        if item is None or len(item[1]) != FRAME_BYTES:
            return None
        self._written += max(1, item[0] - self._read[index])
        self._read[index] = item[0]
        return item[1]
