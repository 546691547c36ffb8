"""Command connections of all consoles: frames of the driver go into guard's mailbox.

Each console has one connection per link, all carrying the same bytes (`frames.py` takes the first
copy). A connection that was flowing and went silent is replaced: the page is told, and the old one
serves until the new one is open (make before break), because it may come back first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from teleop.config import Link
from teleop.gateway.connection import CommandPeer
from teleop.gateway.consoles import Console
from teleop.gateway.datagrams import DatagramDoor
from teleop.gateway.downstream import Downstream
from teleop.gateway.frames import FrameSink, Intake
from teleop.uplink.messages import Arrival
from transport.local.clock import now_ns
from transport.multilink import LinkQuality


class CommandPeers:
    """The command connections of all consoles."""

    def __init__(
        self,
        run_dir: Path,
        links: tuple[Link, ...],
        drives: Callable[[int], bool],
        on_gone: Callable[[int, str, int], None],
        repeat_after_ms: float = 0.0,
        alone: Callable[[int], bool] = lambda session: False,
    ) -> None:
        self._sink = FrameSink(run_dir)
        self._links = links
        self._drives = drives
        self._on_gone = on_gone
        self._consoles: dict[int, Console] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.datagrams = DatagramDoor(run_dir, self.take_datagram)
        """Beside the connections, for native consoles."""
        self.down = Downstream(self._consoles, self.datagrams, repeat_after_ms, alone)
        """What consoles are sent."""
        self._rejected = 0

    @property
    def rejected(self) -> int:
        """Messages refused before guard."""
        peers = (peer for console in self._consoles.values() for peer in console.peers())
        return self._rejected + sum(peer.rejected for peer in peers)

    @property
    def links(self) -> int:
        """How many links are configured."""
        return len(self._links)

    def is_open(self, session: int) -> bool:
        """True while this session's frames can arrive over any link."""
        console = self._consoles.get(session)
        now = now_ns()
        return console is not None and any(
            console.link_open(link, now) for link in range(self.links)
        )

    def quality(self, session: int, at_ns: int) -> tuple[LinkQuality, ...]:
        """Each link of a console; empty: it is not connected."""
        console = self._consoles.get(session)
        if console is None:
            return ()
        return tuple(
            console.intake.quality(link, at_ns, is_open=console.link_open(link, at_ns))
            for link in range(self.links)
        )

    def any_open(self) -> bool:
        """True while anybody listens to telemetry."""
        now = now_ns()
        return any(
            c.link_open(link, now) for c in self._consoles.values() for link in range(self.links)
        )

    async def answer(self, session: int, sdp: str, link: int = 0) -> str:
        """Answer an offer; the connection before it serves until the new one is open.

        OfferError: unusable.
        """
        console = self._console(session)
        older = console.coming[link]
        if older is not None:
            self._forget(console, older)

        def take(data: bytes | str, at_ns: int) -> bool:
            return console.intake.take(link, data, at_ns, drives=self._drives(session))

        peer = CommandPeer(
            take,
            lambda gone, reason: self._closed(session, gone, reason),
            lambda opened: self._opened(session, opened),
            self._links[link].address,
        )
        console.coming[link] = peer
        try:
            return await peer.server.answer(sdp)
        except BaseException:
            self._forget(console, peer)
            raise

    def take_datagram(self, arrival: Arrival) -> None:
        """Count an authenticated datagram of a console; uplink has given its frame to guard."""
        console, link, at_ns = self._console(arrival.session), arrival.link, arrival.at_ns
        drives, given = self._drives(arrival.session), arrival.handed_ns > 0
        taken = console.intake.took(link, arrival.body, at_ns, drives=drives, given=given)
        console.datagram_ns[link] = max(console.datagram_ns[link], at_ns)
        self._rejected += not taken

    def drop(self, session: int) -> None:
        """Close this session's connections, if any."""
        self.datagrams.dismiss(session)
        console = self._consoles.pop(session, None)
        for peer in console.peers() if console else []:
            self._close(peer)

    def check(self, at_ns: int) -> None:
        """Tell pages about silent connections; give up those that stay so, or never opened."""
        for session, console in self._consoles.items():
            for peer in console.peers():
                link = console.link_of(peer) or 0
                reason = peer.must_close(at_ns)
                if reason is not None:
                    self._forget(console, peer)
                if (reason or peer.is_silent(at_ns)) and not peer.told:
                    peer.told = True
                    self._on_gone(session, reason or "silent", link)

    async def close(self) -> None:
        """Close all connections."""
        self.datagrams.close()
        for session in list(self._consoles):
            self.drop(session)
        await asyncio.gather(*self._closing)

    def _console(self, session: int) -> Console:
        if session not in self._consoles:
            intake = Intake(self._sink, self.links, now_ns())
            self._consoles[session] = Console(intake, self.links)
        return self._consoles[session]

    def _opened(self, session: int, peer: CommandPeer) -> None:
        console = self._consoles.get(session)
        before = console.promote(peer) if console else None
        if before is not None:
            self._close(before)

    def _closed(self, session: int, peer: CommandPeer, reason: str) -> None:
        console = self._consoles.get(session)
        link = console.link_of(peer) if console else None
        if console is None or link is None:
            return
        replaced = peer is not console.current[link] or console.coming[link] is not None
        self._forget(console, peer)
        if not replaced:
            self._on_gone(session, reason, link)

    def _forget(self, console: Console, peer: CommandPeer) -> None:
        console.forget(peer)
        self._close(peer)

    def _close(self, peer: CommandPeer) -> None:
        self._rejected += peer.rejected
        peer.rejected = 0
        task = asyncio.create_task(peer.server.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
