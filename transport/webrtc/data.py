"""Command and telemetry over their own peer connection (the only aiortc user of the gateway).

Two data channels, unordered, without retransmits. The page offers; `DataServer` answers. Nothing
queues: a message that cannot leave at once is replaced by the next, which is newer (`latest.py`).
`DataClient` is the same from the other side, for native consoles and tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from transport.dscp import TrafficClass
from transport.schema import CHANNEL_COMMAND, CHANNEL_HAPTIC, CHANNEL_TELEMETRY
from transport.webrtc import acknowledge, latest
from transport.webrtc.cipher import encryption_of, is_strong
from transport.webrtc.ice import mark_sockets, on_addresses, without_names
from transport.webrtc.strangers import shut_out

LABELS = frozenset({CHANNEL_COMMAND, CHANNEL_TELEMETRY})
OPTIONAL = frozenset({CHANNEL_HAPTIC})
"""Opened by consoles with a haptic handle only."""

CLOSED_BY_PEER = frozenset({"channel_closed", "connection_closed"})
"""Reasons of `on_closed` that the other side knows already, because it closed."""


class DataError(Exception):
    """Base of what can go wrong with a data connection."""


class OfferError(DataError):
    """The peer's session description cannot be used."""


class ChannelError(DataError):
    """The peer opened a channel that we do not serve."""


def _connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))  # host candidates only


def _check_offer(sdp: str) -> None:
    media = [line for line in sdp.splitlines() if line.startswith("m=")]
    if len(media) != 1 or not media[0].startswith("m=application "):
        raise OfferError("a command offer has exactly one section: application")


def _is_unreliable(channel: RTCDataChannel) -> bool:
    return not channel.ordered and channel.maxRetransmits == 0


class _Channels:
    """Open channels of one connection; the newest message replaces one that waits."""

    def __init__(self) -> None:
        self._by_label: dict[str, RTCDataChannel] = {}
        self.replaced = 0
        """Messages that were never sent because a newer one took their place."""

    def put(self, channel: RTCDataChannel) -> None:
        latest.check(channel.transport)
        acknowledge.delay(channel.transport)
        self._by_label[channel.label] = channel

    def is_open(self, label: str) -> bool:
        channel = self._by_label.get(label)
        return channel is not None and channel.readyState == "open"

    def all_open(self) -> bool:
        return all(self.is_open(label) for label in LABELS)

    def waiting(self, label: str) -> int:
        channel = self._by_label.get(label)
        return 0 if channel is None else latest.waiting(channel)

    def send(self, label: str, data: bytes) -> bool:
        channel = self._by_label.get(label)
        if channel is None or channel.readyState != "open":
            return False
        self.replaced += not latest.send(channel, data)
        return True


class DataServer:
    """Answers one offer. `on_command` gets every message of the command channel, unchecked.

    `addresses` restricts the connection to these local addresses (the link it belongs to).
    """

    def __init__(
        self,
        on_command: Callable[[bytes | str], None],
        on_closed: Callable[[str], None],
        on_open: Callable[[], None] = lambda: None,
        addresses: Sequence[str] = (),
    ) -> None:
        self._on_command = on_command
        self._on_closed = on_closed
        self._on_open = on_open
        self._addresses = addresses
        self._channels = _Channels()
        self._connection = _connection()
        self._closed = False
        self._refused = False
        self._connection.on("datachannel", self._take)
        self._connection.on("connectionstatechange", self._state_changed)

    async def answer(self, sdp: str) -> str:
        """The answer to an offer, complete with candidates. OfferError: the offer is unusable."""
        _check_offer(sdp)
        try:
            offer = RTCSessionDescription(sdp=without_names(sdp), type="offer")
            await self._connection.setRemoteDescription(offer)
            with on_addresses(self._addresses):
                await self._connection.setLocalDescription(await self._connection.createAnswer())
        except Exception as error:  # aiortc raises many kinds on a malformed description
            self._refused = True
            raise OfferError(f"{type(error).__name__}: {error}") from error
        mark_sockets(self._connection, TrafficClass.COMMAND)
        return str(self._connection.localDescription.sdp)

    def is_open(self, label: str) -> bool:
        """True while the channel can carry messages."""
        return not self._closed and self._channels.is_open(label)

    def send(self, label: str, data: bytes) -> bool:
        """Send, replacing an older message that has not left yet; False: there is no channel."""
        return not self._closed and self._channels.send(label, data)

    @property
    def replaced(self) -> int:
        """Messages that were never sent because a newer one took their place."""
        return self._channels.replaced

    def waiting(self, label: str) -> int:
        """Messages of a channel that have not left yet: never more than one of a kind."""
        return self._channels.waiting(label)

    async def close(self) -> None:
        """Close without telling `on_closed`."""
        self._closed = True
        try:
            await self._connection.close()
        except Exception:
            if not self._refused:
                raise
            # aiortc cannot close what a bad offer left half made; there is no socket yet.

    def _take(self, channel: RTCDataChannel) -> None:
        if channel.label not in LABELS | OPTIONAL or not _is_unreliable(channel):
            channel.close()
            self._gone("channel_refused")
            return
        self._channels.put(channel)
        channel.on("close", lambda: self._gone("channel_closed"))
        if channel.label == CHANNEL_COMMAND:
            channel.on("message", self._on_command)
        if self._channels.all_open():
            self._on_open()

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state in ("failed", "closed"):
            self._gone(f"connection_{state}")
        elif state == "connected":
            shut_out(self._connection)
            if not is_strong(*self.encryption()):
                self._gone("encryption_too_weak")

    def encryption(self) -> tuple[str, str]:
        """Cipher and protocol of the DTLS connection."""
        assert self._connection.sctp is not None
        return encryption_of(self._connection.sctp.transport)

    def _gone(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._on_closed(reason)


class DataClient:
    """The console's side for native programs: offers both channels, sends frames."""

    def __init__(
        self,
        on_heartbeat: Callable[[bytes], None],
        on_telemetry: Callable[[bytes], None],
        addresses: Sequence[str] = (),
        on_force: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_force` given: the optional haptic channel is opened too."""
        self._addresses = addresses
        self._connection = _connection()
        self._channels = _Channels()
        self._opened: asyncio.Event = asyncio.Event()
        self.closed = False
        self._connection.on("connectionstatechange", self._state_changed)
        self._add(CHANNEL_COMMAND, on_heartbeat)
        self._add(CHANNEL_TELEMETRY, on_telemetry)
        if on_force is not None:
            self._add(CHANNEL_HAPTIC, on_force)

    def _add(self, label: str, on_message: Callable[[bytes], None]) -> None:
        channel = self._connection.createDataChannel(label, ordered=False, maxRetransmits=0)
        self._channels.put(channel)
        channel.on("message", on_message)
        channel.on("open", self._check_open)
        channel.on("close", self._mark_closed)

    def _check_open(self) -> None:
        if self._channels.all_open():
            self._opened.set()

    def _mark_closed(self) -> None:
        self.closed = True

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            shut_out(self._connection)
        elif state in ("failed", "closed"):
            self.closed = True

    async def offer(self) -> str:
        """The offer to send as `Offer{peer: command}`."""
        with on_addresses(self._addresses):
            await self._connection.setLocalDescription(await self._connection.createOffer())
        mark_sockets(self._connection, TrafficClass.COMMAND)
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the server's answer."""
        answer = RTCSessionDescription(sdp=sdp, type="answer")
        await self._connection.setRemoteDescription(answer)

    async def opened(self) -> None:
        """Wait until both channels are open."""
        await self._opened.wait()

    def send_command(self, frame: bytes) -> bool:
        """Send a message, replacing an older one that has not left yet."""
        return not self.closed and self._channels.send(CHANNEL_COMMAND, frame)

    def waiting(self, label: str) -> int:
        """Messages of a channel that have not left yet: never more than one of a kind."""
        return self._channels.waiting(label)

    async def close(self) -> None:
        """Close the connection."""
        self.closed = True
        await self._connection.close()
