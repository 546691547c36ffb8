"""Parameters of one case of the latency bench, and their limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

WARM_UP_S = 1.5
"""Left out of every figure: codecs, estimators and caches settle."""
IN_TIME_MS = 50.0
"""The mission's end-to-end budget; a frame that is decoded later counts as late."""
AGREE_MS = 2.0
"""Most that pixel stamp and echo may differ."""


Peer = Literal["native", "chromium"]


class Path(StrEnum):
    """What carries the pictures, and with which codec."""

    OURS = "ours"
    """The media process of the product."""
    STOCK_H264 = "stock-h264"
    STOCK_VP8 = "stock-vp8"
    """aiortc as it comes."""
    UDP = "udp"
    """x264 over bare datagrams, no protection: the floor."""
    GSTREAMER = "gstreamer"


class Spec(msgspec.Struct, frozen=True, tag="video"):
    """One measurement of the video path."""

    path: Path = Path.OURS
    peer: Peer = "native"
    width: int = 640
    height: int = 480
    fps: int = 30
    bitrate_kbps: int = 8000
    profile: str = "loopback"
    links: int = 1
    seconds: float = 20.0
    """Measured, after WARM_UP_S."""
    seed: int = 1
    viewers: int = 1
