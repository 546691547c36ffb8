"""The ultrasound source of the virtual world: a frame index without pictures.

It stands for the `media` process: each frame has an acquisition stamp, an RTP timestamp, a content
hash and the mark that guard asked for. It can freeze (the same picture for ever) or stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safety.messages import FrameStamp, MediaStatus

RTP_HZ = 90_000


@dataclass(slots=True)
class SimulatedSource:
    """Makes one `FrameStamp` per frame period; `send` gets it when the encoder is done."""

    send: Callable[[int, FrameStamp], None]
    """Called with (now_ns, stamp) when the frame leaves."""
    later: Callable[[int, Callable[[int], None]], None]
    """Schedules a call at a time (`VirtualClock.at`)."""
    fps: float = 30.0
    encode_ns: int = 5_000_000
    """Image formation, encode and packetising (docs/aiortc.md)."""
    origin: int = 123_456
    frozen: bool = False
    """The picture stays the same while frames go on."""
    live: bool = True
    incarnation: int = 1
    frames: int = 0
    mark: int = -1
    _hash: int = 0

    def tick(self, now_ns: int, lateness_ns: int) -> None:
        """Acquire one frame."""
        self.frames += 1
        if not self.frozen:
            self._hash = (self.frames * 2654435761) & 0xFFFFFFFF
        rtp = (self.origin + now_ns * RTP_HZ // 1_000_000_000) & 0xFFFFFFFF
        stamp = FrameStamp(rtp, now_ns, self._hash, self.live, self.mark)
        self.later(now_ns + self.encode_ns, lambda sent_ns: self.send(sent_ns, stamp))

    def status(self, now_ns: int) -> MediaStatus:
        """What media tells the others."""
        return MediaStatus(
            incarnation=self.incarnation,
            stamp_ns=now_ns,
            live=self.live,
            fps=self.fps,
            observe_only=self.live and self.fps < 20.0,
            width=640,
            height=480,
            encode_ms=3.0,
            form_ms=3.0,
            bitrate_kbps=8000.0,
            peers=1,
            frames=self.frames,
        )
