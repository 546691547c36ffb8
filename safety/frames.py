"""Video frames that media sent: RTP timestamp -> acquisition, and whether the picture lives."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from safety.messages import FrameStamp

KEEP = 128
"""Frames remembered: over 2 s at 60 frames/s, far beyond any usable latency."""
HALF = 1 << 31
RTP_MASK = 0xFFFFFFFF


@dataclass(slots=True)
class FrameIndex:
    """Index of sent frames; `presented_*` describe the newest one the expert reported."""

    sent: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=KEEP))
    """(RTP timestamp, acquisition ns, mark), oldest first."""
    content_hash: int = 0
    changed_ns: int = 0
    """When a frame with new content was last seen."""
    presented_id: int = -1
    presented_acquired_ns: int = 0
    presented_mark: int = -1

    def add(self, stamp: FrameStamp, now_ns: int) -> None:
        """Take a frame that media just sent."""
        if not self.sent or stamp.content_hash != self.content_hash:
            self.content_hash = stamp.content_hash
            self.changed_ns = now_ns
        self.sent.append((stamp.rtp_timestamp, stamp.acquired_ns, stamp.mark))

    def present(self, frame_id: int, now_ns: int) -> int | None:
        """Acquisition time of the frame on the expert's screen.

        None (counts as worst): unknown, from the future, or older than one reported before.
        """
        if self.presented_id >= 0 and (frame_id - self.presented_id) & RTP_MASK >= HALF:
            return None
        for rtp, acquired_ns, mark in reversed(self.sent):
            if rtp == frame_id:
                if acquired_ns > now_ns:
                    return None
                self.presented_id = frame_id
                self.presented_acquired_ns = acquired_ns
                self.presented_mark = mark
                return acquired_ns
        return None

    def unchanged_ms(self, now_ns: int) -> float:
        """How long the content has been the same (or no frame came); large when there is none."""
        return (now_ns - self.changed_ns) / 1e6

    def image_ms(self, now_ns: int) -> float:
        """Age of the newest frame reported as presented; -1: none."""
        return (now_ns - self.presented_acquired_ns) / 1e6 if self.presented_id >= 0 else -1.0

    def forget(self) -> None:
        """Media restarted: its timestamps start anew."""
        self.sent.clear()
        self.presented_id = -1
        self.presented_mark = -1
