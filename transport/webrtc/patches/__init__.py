"""Changes to aiortc 1.16.0 and aioice 0.13: all of them are in this package (docs/aiortc.md).

Each has a test in `tests/transport/test_webrtc_patches*.py` that fails when upstream changes the
place that is changed, or no longer needs it.

- `extensions`: header extension playout-delay; one timestamp origin for all viewers.
- `sender`: our packets instead of aiortc's loop around `track.recv()`.
- `receiver`: frames by the marker bit, NACK timer, newest picture instead of a queue.
"""

from transport.webrtc.patches.extensions import (
    PLAYOUT_DELAY_ID,
    PLAYOUT_DELAY_NONE,
    PLAYOUT_DELAY_URI,
    VIDEO_ORIGIN,
    PatchError,
    apply,
    rtp_timestamp,
)

__all__ = [
    "PLAYOUT_DELAY_ID",
    "PLAYOUT_DELAY_NONE",
    "PLAYOUT_DELAY_URI",
    "VIDEO_ORIGIN",
    "PatchError",
    "apply",
    "rtp_timestamp",
]
