"""Header extension playout-delay, and one timestamp origin for all viewers.

aiortc 1.16.0 knows no playout-delay. With (0, 0) on every video packet the browser presents at
once: presented p50 26 -> 8.5 ms in Chromium 156 on loopback. The extension is put into the list
that aiortc negotiates from; `patches/sender.py` writes it.
"""

from __future__ import annotations

import secrets
from typing import Any

import aiortc.codecs
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 4
"""Proposed when we offer (1 to 3 are taken by aiortc); the offerer's number wins otherwise."""
PLAYOUT_DELAY_NONE = bytes(3)
"""Two 12-bit values, minimum and maximum, in units of 10 ms: (0, 0)."""

VIDEO_ORIGIN = secrets.randbits(31)
"""RTP timestamp origin of all video senders (the timestamps wrap every 13 hours)."""


class PatchError(RuntimeError):
    """aiortc is not the version these changes were made for."""


def rtp_timestamp(pts: int) -> int:
    """RTP timestamp on the wire (90 kHz, modulo 2^32) of a video packet with this pts."""
    return (VIDEO_ORIGIN + pts) & 0xFFFFFFFF


def apply() -> None:
    """Install the changes of senders in this process (once)."""
    extensions: list[Any] = aiortc.codecs.HEADER_EXTENSIONS["video"]
    if any(e.uri == PLAYOUT_DELAY_URI for e in extensions):
        return
    if any(e.id == PLAYOUT_DELAY_ID for kind in aiortc.codecs.HEADER_EXTENSIONS.values()
           for e in kind):  # fmt: skip
        raise PatchError(f"header extension id {PLAYOUT_DELAY_ID} is taken: adapt patches.py")
    extensions.append(RTCRtpHeaderExtensionParameters(id=PLAYOUT_DELAY_ID, uri=PLAYOUT_DELAY_URI))
