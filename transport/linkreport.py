"""The console's side of a link's quality: what it heard, as a report (pure).

`teleop/web/net/linkreport.js` is the same for browsers.
"""

from __future__ import annotations

from transport.multilink import Arrivals, Variation
from transport.schema import HEARTBEAT, HEARTBEAT_MAGIC, LINK_REPORT, LINK_REPORT_MAGIC

U16 = 1 << 16
U32_MAX = 0xFFFFFFFF


class LinkCounter:
    """Counts the heartbeats of one link and how much their delay varies."""

    def __init__(self) -> None:
        self._beats = Arrivals(modulus=U16)
        self._variation = Variation()
        self._stamp_ns = 0
        self._number = 0
        self.heard_ns = 0
        """When the newest heartbeat came."""

    def heard(self, beat: bytes, now_ns: int) -> bool:
        """A heartbeat came over this link; False: it is none."""
        if len(beat) != HEARTBEAT.size:
            return False
        magic, number, stamp_ns, _, _ = HEARTBEAT.unpack(beat)
        if magic != HEARTBEAT_MAGIC:
            return False
        self._beats.saw(number)
        self._variation.saw(stamp_ns, now_ns)
        if stamp_ns > self._stamp_ns:
            self._stamp_ns, self.heard_ns = stamp_ns, now_ns
        return True

    def report(self, now_ns: int) -> bytes:
        """The next report, to be sent over this link."""
        self._number = (self._number + 1) % U16
        return LINK_REPORT.pack(
            LINK_REPORT_MAGIC,
            self._number,
            self._stamp_ns,
            now_ns // 1000,
            min((now_ns - self.heard_ns) // 1000, U32_MAX) if self._stamp_ns else 0,
            self._beats.expected % U16,
            self._beats.received % U16,
            min(round(self._variation.worst_ms * 1e3), U32_MAX),
        )
