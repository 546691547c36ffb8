"""What every console gets over its command connections: heartbeats, telemetry, force.

While one link of a console works, each heartbeat goes out a second time (`transport/repeat.py`),
except to a console on this very machine, which has no link that loses anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from safety.messages import GuardReport
from teleop.gateway.consoles import Console
from teleop.gateway.datagrams import DatagramDoor
from transport.datagrams import Kind
from transport.local.clock import now_ns
from transport.repeat import Repeat
from transport.schema import (
    CHANNEL_COMMAND,
    CHANNEL_HAPTIC,
    CHANNEL_TELEMETRY,
    HEARTBEAT,
    HEARTBEAT_MAGIC,
)

EARLY_NS = 1_000_000
"""Half a tick of the pump, which calls `repeat`: the nearest tick is the right one."""


class Downstream:
    """Sends to all consoles, over data channels and datagrams."""

    def __init__(
        self,
        consoles: Mapping[int, Console],
        datagrams: DatagramDoor,
        repeat_after_ms: float,
        alone: Callable[[int], bool] = lambda session: False,
    ) -> None:
        self._consoles = consoles
        self._datagrams = datagrams
        self._repeat = Repeat(repeat_after_ms)
        self._alone = alone
        self._beats = 0

    def heartbeat(self, report: GuardReport) -> None:
        """Send guard's newest stamp to every console over every link."""
        self._beats = (self._beats + 1) & 0xFFFF
        beat = HEARTBEAT.pack(
            HEARTBEAT_MAGIC, self._beats, report.stamp_ns, report.nonce, report.epoch
        )
        at_ns = now_ns()
        self._send(CHANNEL_COMMAND, beat)
        self._datagrams.send(Kind.HEARTBEAT, beat, at_ns)
        self._repeat.sent(beat, at_ns)

    def repeat(self, at_ns: int) -> None:
        """Send the heartbeat that is due again to those consoles that have one link."""
        beat = self._repeat.take(at_ns, EARLY_NS)
        if beat is None:
            return
        for session, console in self._consoles.items():
            if self._alone(session) or console.links_open(at_ns) != 1:
                continue
            for peer in console.peers():
                if not peer.server.waiting(CHANNEL_COMMAND):
                    peer.server.send(CHANNEL_COMMAND, beat)
            self._datagrams.send(Kind.HEARTBEAT, beat, at_ns, session)

    def is_fine(self) -> bool:
        """True while somebody needs a beat of 2 ms: second copies, or force for a handle."""
        return self.feels() or not all(map(self._alone, self._consoles))

    def feels(self) -> bool:
        """True while a console with a haptic handle listens."""
        peers = (peer for console in self._consoles.values() for peer in console.peers())
        return any(peer.server.is_open(CHANNEL_HAPTIC) for peer in peers)

    def force(self, packed: bytes) -> None:
        """Send a force frame to every console with a haptic handle."""
        self._send(CHANNEL_HAPTIC, packed)

    def telemetry(self, packed: bytes) -> None:
        """Send telemetry to every console over every link."""
        self._send(CHANNEL_TELEMETRY, packed)
        self._datagrams.send(Kind.TELEMETRY, packed, now_ns())

    def _send(self, label: str, data: bytes) -> None:
        for console in self._consoles.values():
            for peer in console.peers():
                peer.server.send(label, data)
