"""Traffic class of each stream: what networks that honour DSCP may do with it.

RFC 8837 (WebRTC) and RFC 4594 (service classes); the mapping to 5G QoS flows is in
`docs/network.md`. Networks between two sites often erase the marks: they are a request.
"""

from __future__ import annotations

from enum import IntEnum


class TrafficClass(IntEnum):
    """DSCP (6 bits) of a stream."""

    COMMAND = 46
    """Expedited forwarding (RFC 3246): commands, telemetry, heartbeats."""
    VIDEO = 34
    """AF41 (RFC 2597): interactive video (RFC 8837 table 1)."""
    SIGNALLING = 40
    """CS5 (RFC 4594 section 4.2): the pages' sockets, which also carry a stop button's event."""
    BACKGROUND = 1
    """Lower effort (RFC 8622): exports and downloads of recordings."""

    @property
    def tos(self) -> int:
        """The byte of the IP header that holds it (two bits of congestion notification below)."""
        return int(self) << 2
