"""One console's connections: per link the current one, and one that will replace it."""

from __future__ import annotations

from teleop.gateway.connection import CommandPeer
from teleop.gateway.frames import Intake
from transport.rates import OUTAGE_NS


class Console:
    """What the gateway keeps of one console."""

    def __init__(self, intake: Intake, links: int) -> None:
        self.intake = intake
        self.current: list[CommandPeer | None] = [None] * links
        self.coming: list[CommandPeer | None] = [None] * links
        self.datagram_ns = [-OUTAGE_NS] * links
        """When the last datagram came over each link."""

    def peers(self) -> list[CommandPeer]:
        """Every connection there is."""
        return [peer for peer in (*self.current, *self.coming) if peer is not None]

    def link_of(self, peer: CommandPeer) -> int | None:
        """The link of a connection that still belongs here."""
        for peers in (self.current, self.coming):
            if peer in peers:
                return peers.index(peer)
        return None

    def forget(self, peer: CommandPeer) -> None:
        """A connection is gone."""
        for peers in (self.current, self.coming):
            if peer in peers:
                peers[peers.index(peer)] = None

    def promote(self, peer: CommandPeer) -> CommandPeer | None:
        """A new connection is open: it takes over; the one before is returned, to be closed."""
        if peer not in self.coming:
            return None
        link = self.coming.index(peer)
        before, self.current[link], self.coming[link] = self.current[link], peer, None
        return before

    def link_open(self, link: int, at_ns: int) -> bool:
        """True while frames flow, or can, over this link."""
        if at_ns - self.datagram_ns[link] <= OUTAGE_NS:
            return True
        return any(
            peer is not None and peer.is_open and not peer.is_silent(at_ns)
            for peer in (self.current[link], self.coming[link])
        )

    def links_open(self, at_ns: int) -> int:
        """How many links carry frames, or can."""
        return sum(self.link_open(link, at_ns) for link in range(len(self.current)))
