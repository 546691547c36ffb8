"""Lines between the gateway and the audit process, one JSON object each."""

from __future__ import annotations

import msgspec

SOCKET = "audit.control"
"""Unix stream socket of the audit process in the run folder."""
ERROR_FILE = "audit.error"
"""In the run folder while something is wrong: a text for the person at the robot."""
MAX_LINE = 65536
"""More than the longest `Audit.data` (8192 letters) with every letter escaped."""


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """A console joined: exchange heads with it."""

    session: int


class End(msgspec.Struct, frozen=True, tag="end"):
    """A console left."""

    session: int


class Passed(msgspec.Struct, frozen=True, tag="passed"):
    """Either way: what one site says to the other, relayed unread."""

    session: int
    data: str


FromGateway = Begin | End | Passed
