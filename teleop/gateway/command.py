"""Command path: frames of the driver into guard's mailbox, heartbeats and telemetry out.

Each console has one connection per link, all carrying the same bytes (`frames.py` takes the first
copy). A connection that was flowing and went silent is replaced: the page is told, and the old one
serves until the new one is open (make before break), because it may come back first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from safety.messages import GuardReport
from teleop.config import Link
from teleop.gateway.datagrams import DatagramDoor
from teleop.gateway.frames import FrameSink, Intake
from transport.datagrams import Kind
from transport.local.clock import now_ns
from transport.multilink import LinkQuality
from transport.rates import OUTAGE_NS, OutageWatch, TokenBucket
from transport.schema import (
    CHANNEL_COMMAND,
    CHANNEL_HAPTIC,
    CHANNEL_TELEMETRY,
    HEARTBEAT,
    HEARTBEAT_MAGIC,
)
from transport.webrtc.data import DataServer

FRAME_RATE_HZ = 450.0
"""Twice the nominal 200 Hz (reference/safety.md section 10) and the link reports."""
FRAME_BURST = 100.0
CONNECT_TIMEOUT_NS = 15_000_000_000
SILENT_CLOSE_NS = 10_000_000_000
"""A silent connection that nobody replaced is given up."""


class CommandPeer:
    """One connection: of one console, on one link."""

    def __init__(
        self,
        take: Callable[[bytes | str, int], bool],
        on_closed: Callable[[CommandPeer, str], None],
        on_open: Callable[[CommandPeer], None] = lambda _: None,
        address: str = "",
    ) -> None:
        self._take = take
        self._started_ns = now_ns()
        self._bucket = TokenBucket(FRAME_RATE_HZ, FRAME_BURST, self._started_ns)
        self._outage = OutageWatch()
        self._was_open = False
        self.rejected = 0
        self.told = False
        """The page knows that this connection is silent."""
        self.server = DataServer(
            self._message,
            lambda reason: on_closed(self, reason),
            lambda: on_open(self),
            [address] if address else [],
        )

    def _message(self, data: bytes | str) -> None:
        at_ns = now_ns()
        if not self._bucket.take(at_ns) or not self._take(data, at_ns):
            self.rejected += 1
            return
        self._outage.seen(at_ns)

    @property
    def is_open(self) -> bool:
        """True while frames can arrive."""
        return self.server.is_open(CHANNEL_COMMAND)

    def is_silent(self, at_ns: int) -> bool:
        """True when it was flowing and is silent for too long."""
        return self._outage.is_outage(at_ns)

    def must_close(self, at_ns: int) -> str | None:
        """Why this connection is to be given up now."""
        if self._outage.silent_ns(at_ns) > SILENT_CLOSE_NS:
            return "silent"
        self._was_open = self._was_open or self.is_open
        if not self._was_open and at_ns - self._started_ns > CONNECT_TIMEOUT_NS:
            return "never opened"
        return None


class _Console:
    """One console's connections: per link the current one, and one that will replace it."""

    def __init__(self, intake: Intake, links: int) -> None:
        self.intake = intake
        self.current: list[CommandPeer | None] = [None] * links
        self.coming: list[CommandPeer | None] = [None] * links
        self.datagram_ns = [-OUTAGE_NS] * links
        """When the last datagram came over each link."""

    def peers(self) -> list[CommandPeer]:
        return [peer for peer in (*self.current, *self.coming) if peer is not None]

    def link_of(self, peer: CommandPeer) -> int | None:
        """The link of a connection that still belongs here."""
        for peers in (self.current, self.coming):
            if peer in peers:
                return peers.index(peer)
        return None

    def forget(self, peer: CommandPeer) -> None:
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


class CommandPeers:
    """The command connections of all consoles."""

    def __init__(
        self,
        run_dir: Path,
        links: tuple[Link, ...],
        drives: Callable[[int], bool],
        on_gone: Callable[[int, str, int], None],
    ) -> None:
        self._sink = FrameSink(run_dir)
        self._links = links
        self._drives = drives
        self._on_gone = on_gone
        self._consoles: dict[int, _Console] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.datagrams = DatagramDoor(self.take_datagram)
        """Beside the connections, for native consoles."""
        self._rejected = 0
        self._beats = 0

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

    def take_datagram(self, session: int, link: int, data: bytes, at_ns: int) -> bool:
        """Take an authenticated datagram of a console."""
        console = self._console(session)
        taken = console.intake.take(link, data, at_ns, drives=self._drives(session))
        console.datagram_ns[link] = at_ns
        self._rejected += not taken
        return taken

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

    def heartbeat(self, report: GuardReport) -> None:
        """Send guard's newest stamp to every console over every link."""
        self._beats = (self._beats + 1) & 0xFFFF
        beat = HEARTBEAT.pack(
            HEARTBEAT_MAGIC, self._beats, report.stamp_ns, report.nonce, report.epoch
        )
        self._send(CHANNEL_COMMAND, beat)
        self.datagrams.send(Kind.HEARTBEAT, beat, now_ns())

    def feels(self) -> bool:
        """True while a console with a haptic handle listens."""
        peers = (peer for c in self._consoles.values() for peer in c.peers())
        return any(peer.server.is_open(CHANNEL_HAPTIC) for peer in peers)

    def force(self, packed: bytes) -> None:
        """Send a force frame to every console with a haptic handle."""
        self._send(CHANNEL_HAPTIC, packed)

    def telemetry(self, packed: bytes) -> None:
        """Send telemetry to every console over every link."""
        self._send(CHANNEL_TELEMETRY, packed)
        self.datagrams.send(Kind.TELEMETRY, packed, now_ns())

    async def close(self) -> None:
        """Close all connections."""
        self.datagrams.close()
        for session in list(self._consoles):
            self.drop(session)
        await asyncio.gather(*self._closing)

    def _console(self, session: int) -> _Console:
        if session not in self._consoles:
            intake = Intake(self._sink, self.links, now_ns())
            self._consoles[session] = _Console(intake, self.links)
        return self._consoles[session]

    def _send(self, label: str, data: bytes) -> None:
        for console in self._consoles.values():
            for peer in console.peers():
                peer.server.send(label, data)

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

    def _forget(self, console: _Console, peer: CommandPeer) -> None:
        console.forget(peer)
        self._close(peer)

    def _close(self, peer: CommandPeer) -> None:
        self._rejected += peer.rejected
        peer.rejected = 0
        task = asyncio.create_task(peer.server.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
