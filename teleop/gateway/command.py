"""Command path: frames of the driver into guard's mailbox, heartbeats and telemetry out.

A frame is passed on byte for byte. It is refused before anything looks into it when it has another
size, comes too fast, or comes from a console that does not hold the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from safety.messages import FRAME_BYTES, GuardReport
from teleop import channels
from transport.local.clock import now_ns
from transport.rates import OutageWatch, TokenBucket
from transport.schema import CHANNEL_COMMAND, CHANNEL_TELEMETRY, HEARTBEAT, HEARTBEAT_MAGIC
from transport.webrtc.data import DataServer

FRAME_RATE_HZ = 400.0
"""Twice the nominal 200 Hz (reference/safety.md section 10)."""
FRAME_BURST = 100.0
CONNECT_TIMEOUT_NS = 15_000_000_000


class FrameSink:
    """Writes accepted frames to the mailbox and every one of them to the log."""

    def __init__(self, run_dir: Path) -> None:
        self._mailbox = channels.raw_box(run_dir, channels.COMMAND_FRAME)
        self._log = channels.ring_writer(run_dir, channels.COMMAND_LOG)
        self.rejected = 0

    def accept(self, frame: bytes, at_ns: int) -> None:
        """Pass one frame on to guard."""
        self._mailbox.write(frame)
        self._log.write(at_ns.to_bytes(8, "little", signed=True) + frame)


class CommandPeer:
    """One console's command connection."""

    def __init__(
        self,
        session: int,
        sink: FrameSink,
        drives: Callable[[int], bool],
        on_closed: Callable[[CommandPeer, str], None],
    ) -> None:
        self.session = session
        self._sink = sink
        self._drives = drives
        self._on_closed = on_closed
        self._started_ns = now_ns()
        self._bucket = TokenBucket(FRAME_RATE_HZ, FRAME_BURST, self._started_ns)
        self._outage = OutageWatch()
        self._was_open = False
        self.server = DataServer(self._frame, lambda reason: self._on_closed(self, reason))

    def _frame(self, data: bytes | str) -> None:
        at_ns = now_ns()
        allowed = self._bucket.take(at_ns)
        if not allowed or len(data) != FRAME_BYTES or not isinstance(data, bytes):
            self._sink.rejected += 1
            return
        self._outage.seen(at_ns)
        if not self._drives(self.session):
            self._sink.rejected += 1
            return
        self._sink.accept(data, at_ns)

    @property
    def is_open(self) -> bool:
        """True while frames can arrive."""
        return self.server.is_open(CHANNEL_COMMAND)

    def must_close(self, at_ns: int) -> str | None:
        """Why this connection is to be given up now: it went silent, or never opened."""
        if self._outage.is_outage(at_ns):
            return "silent"
        self._was_open = self._was_open or self.is_open
        if not self._was_open and at_ns - self._started_ns > CONNECT_TIMEOUT_NS:
            return "never opened"
        return None


class CommandPeers:
    """The command connections of all consoles, one each."""

    def __init__(
        self,
        run_dir: Path,
        drives: Callable[[int], bool],
        on_gone: Callable[[int, str], None],
    ) -> None:
        self._sink = FrameSink(run_dir)
        self._drives = drives
        self._on_gone = on_gone
        self._peers: dict[int, CommandPeer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def rejected(self) -> int:
        """Frames refused before guard."""
        return self._sink.rejected

    def is_open(self, session: int) -> bool:
        """True while this session's command channel is open."""
        peer = self._peers.get(session)
        return peer is not None and peer.is_open

    def any_open(self) -> bool:
        """True while anybody listens to telemetry."""
        return any(peer.is_open for peer in self._peers.values())

    async def answer(self, session: int, sdp: str) -> str:
        """Answer an offer; an older connection of the session is closed. OfferError: unusable."""
        self.drop(session)
        peer = CommandPeer(session, self._sink, self._drives, self._closed)
        self._peers[session] = peer
        try:
            return await peer.server.answer(sdp)
        except BaseException:
            self._forget(peer)
            raise

    def drop(self, session: int) -> None:
        """Close this session's connection, if any."""
        peer = self._peers.get(session)
        if peer is not None:
            self._forget(peer)

    def check(self, at_ns: int) -> None:
        """Give up connections that are silent or never opened."""
        for peer in list(self._peers.values()):
            reason = peer.must_close(at_ns)
            if reason is not None:
                self._forget(peer)
                self._on_gone(peer.session, reason)

    def heartbeat(self, report: GuardReport) -> None:
        """Send guard's newest stamp to every console."""
        beat = HEARTBEAT.pack(HEARTBEAT_MAGIC, 0, report.stamp_ns, report.nonce, report.epoch)
        for peer in self._peers.values():
            peer.server.send(CHANNEL_COMMAND, beat)

    def telemetry(self, packed: bytes) -> None:
        """Send telemetry to every console."""
        for peer in self._peers.values():
            peer.server.send(CHANNEL_TELEMETRY, packed)

    async def close(self) -> None:
        """Close all connections."""
        for peer in list(self._peers.values()):
            self._forget(peer)
        await asyncio.gather(*self._closing)

    def _closed(self, peer: CommandPeer, reason: str) -> None:
        if self._peers.get(peer.session) is peer:
            self._forget(peer)
            self._on_gone(peer.session, reason)

    def _forget(self, peer: CommandPeer) -> None:
        if self._peers.get(peer.session) is peer:
            del self._peers[peer.session]
        task = asyncio.create_task(peer.server.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
