"""Changes to aiortc 1.16.0 that apply to every peer of this process.

Each has a test in `tests/transport/test_webrtc_patches.py` that fails when upstream changes the
place that is patched. `apply()` is idempotent; every module here that makes peers calls it.

1. One timestamp origin. aiortc draws a random RTP timestamp origin per sender; here all video
   senders of the process share one, so that a picture has the same 32-bit RTP timestamp (the
   frame id of the command path) whoever watches it.
2. Playout delay. The header extension `playout-delay` with (0, 0) on every video packet asks the
   browser to present at once: presented p50 26 -> 8.5 ms (reference/media_transport.md 3.2).
"""

from __future__ import annotations

import contextvars
import secrets
from typing import Any

import aiortc.codecs
import aiortc.rtcrtpsender
import aiortc.rtp
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
)
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 4
"""Proposed when we offer (1 to 3 are taken by aiortc); the offerer's number wins otherwise."""
PLAYOUT_DELAY_NONE = bytes(3)
"""Two 12-bit values, minimum and maximum, in units of 10 ms: (0, 0)."""

VIDEO_ORIGIN = secrets.randbits(31)
"""RTP timestamp origin of all video senders (the timestamps wrap every 13 hours)."""

_origin: contextvars.ContextVar[int | None] = contextvars.ContextVar("rtp_origin", default=None)
_random32 = getattr(aiortc.rtcrtpsender, "random32")  # noqa: B009 (patched on purpose)
_run_rtp = RTCRtpSender._run_rtp
_configure = HeaderExtensionsMap.configure
_set = HeaderExtensionsMap.set


class PatchError(RuntimeError):
    """aiortc is not the version these changes were made for."""


def rtp_timestamp(pts: int) -> int:
    """RTP timestamp on the wire (90 kHz, modulo 2^32) of a video packet with this pts."""
    return (VIDEO_ORIGIN + pts) & 0xFFFFFFFF


def _shared_random32() -> int:
    """The shared origin inside a video sender's task, random numbers everywhere else."""
    origin = _origin.get()
    return int(_random32()) if origin is None else origin


async def _run_rtp_with_origin(self: RTCRtpSender, codec: RTCRtpCodecParameters) -> None:
    # aiortc starts this coroutine as a task of its own, so the variable ends with the sender.
    _origin.set(VIDEO_ORIGIN if self.kind == "video" else None)
    await _run_rtp(self, codec)


def _configure_with_playout(self: HeaderExtensionsMap, parameters: RTCRtpParameters) -> None:
    _configure(self, parameters)
    ids = [e.id for e in parameters.headerExtensions if e.uri == PLAYOUT_DELAY_URI]
    self.playout_delay_id = ids[0] if ids else None  # type: ignore[attr-defined]


def _set_with_playout(self: HeaderExtensionsMap, values: HeaderExtensions) -> tuple[int, bytes]:
    profile, value = _set(self, values)
    number = getattr(self, "playout_delay_id", None)
    if number is None:
        return profile, value
    extensions = aiortc.rtp.unpack_header_extensions(profile, value)
    extensions.append((number, PLAYOUT_DELAY_NONE))
    return aiortc.rtp.pack_header_extensions(extensions)


def apply() -> None:
    """Install the changes of senders in this process (once)."""
    extensions: list[Any] = aiortc.codecs.HEADER_EXTENSIONS["video"]
    if any(e.uri == PLAYOUT_DELAY_URI for e in extensions):
        return
    if any(e.id == PLAYOUT_DELAY_ID for kind in aiortc.codecs.HEADER_EXTENSIONS.values()
           for e in kind):  # fmt: skip
        raise PatchError(f"header extension id {PLAYOUT_DELAY_ID} is taken: adapt patches.py")
    extensions.append(RTCRtpHeaderExtensionParameters(id=PLAYOUT_DELAY_ID, uri=PLAYOUT_DELAY_URI))
    setattr(aiortc.rtcrtpsender, "random32", _shared_random32)  # noqa: B010
    setattr(RTCRtpSender, "_run_rtp", _run_rtp_with_origin)  # noqa: B010
    setattr(HeaderExtensionsMap, "configure", _configure_with_playout)  # noqa: B010
    setattr(HeaderExtensionsMap, "set", _set_with_playout)  # noqa: B010
