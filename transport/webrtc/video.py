"""Video peers of the robot side: one encoder, one packetiser, many viewers, no queue.

Pictures come encoded (H.264, Annex B) from `teleop/media`, are split into packets once, and leave
for every viewer at once. A viewer starts with a keyframe; when its link does not move or it asks
(PLI, FIR), a keyframe is requested from the encoder through `on_keyframe`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpsender import RTCRtpSender

from transport.dscp import TrafficClass
from transport.local.clock import now_ns
from transport.redundancy import Duplicates, Redundancy
from transport.rtp import payloads_of
from transport.webrtc import patches
from transport.webrtc.cipher import encryption_of, is_strong
from transport.webrtc.ice import mark_sockets
from transport.webrtc.patches.sender import ReceiverReport
from transport.webrtc.strangers import shut_out
from transport.webrtc.stream import SentPicture, Shaping, ViewerStream

MAX_PEERS = 8
"""Viewers at one time; more are refused (a console, a bedside page, a few observers)."""


class VideoError(RuntimeError):
    """Base of the errors of this module."""


class PeerError(VideoError):
    """What the viewer sent cannot be used; the message says what."""


class FullError(VideoError):
    """As many viewers as allowed are connected."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One encoded picture."""

    data: bytes
    """H.264 with Annex B start codes."""
    pts: int
    """90 kHz; on the wire it is `patches.rtp_timestamp(pts)`."""
    keyframe: bool
    """Decoding can start here (IDR)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How pictures are delivered to viewers."""

    duplicates: Duplicates = Duplicates.AUTO
    duplicate_after_ms: float = 3.0
    """Longer bridges longer loss bursts and costs delay: 3 ms brought 100 % of pictures in time
    in bursts of four packets, 8 ms 99 %."""
    pacing_ms: float = 2.0
    """Used together with duplicates: where packets are lost, a burst of a whole picture is too
    much for some queue on the way. A clean link gets each picture at once."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What the owner of the pictures hears."""

    keyframe: Callable[[], None]
    """A viewer needs a picture that decoding can start with."""
    gone: Callable[[str], None] | None = None
    """A viewer's connection ended by itself."""
    sent: Callable[[str, SentPicture], None] | None = None
    """A picture has left for a viewer."""
    reported: Callable[[str, ReceiverReport], None] | None = None
    """A viewer reported on loss, round trip or rate."""


class _Peer:
    """One viewer's connection."""

    def __init__(self, name: str, watch: Watch, delivery: Delivery) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._refused = False
        transceiver = self.connection.addTransceiver("video", direction="sendonly")
        # Must come before setRemoteDescription, or VP8 is used without a word.
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences(
            [c for c in codecs if c.mimeType.lower() in ("video/h264", "video/rtx")]
        )
        self._name, self._watch, self._delivery = name, watch, delivery
        self._synced = False
        self.redundancy = Redundancy(delivery.duplicates)
        self.dropped = 0
        self.stream = ViewerStream(transceiver.sender, self)

    def keyframe_wanted(self) -> None:
        """The viewer cannot go on without a keyframe."""
        self._watch.keyframe()

    def packet_missed(self) -> None:
        """The viewer misses a packet."""
        self.redundancy.lost(now_ns())

    def reported(self, report: ReceiverReport) -> None:
        """The viewer reported."""
        if report.loss is not None:
            self.redundancy.reported(report.loss, report.at_ns)
        if report.round_trip_ms is not None:
            self.redundancy.round_trip(report.round_trip_ms, report.at_ns)
        if self._watch.reported is not None:
            self._watch.reported(self._name, report)

    def picture_sent(self, sent: SentPicture) -> None:
        """A picture has left."""
        if self._watch.sent is not None:
            self._watch.sent(self._name, sent)

    def send(self, payloads: tuple[bytes, ...], rtp_timestamp: int, keyframe: bool) -> None:
        """Send one picture, unless the viewer could not decode it or its link does not move."""
        if not self.stream.is_open:
            return
        if self.stream.is_stuck:
            self.dropped += 1
            self._synced = False  # the chain of references is broken
        if self.stream.is_stuck or not (self._synced or keyframe):
            self._watch.keyframe()
            return
        self._synced = True
        self.stream.send(payloads, rtp_timestamp, self._shaping())

    def _shaping(self) -> Shaping:
        if not self.redundancy.is_on(now_ns()):
            return AT_ONCE
        return Shaping(self._delivery.pacing_ms, self._delivery.duplicate_after_ms)

    async def answer(self, sdp: str) -> str:
        """Take an offer, return the answer with all candidates; PeerError: it is unusable."""
        offer = RTCSessionDescription(sdp, "offer")
        try:
            await self.connection.setRemoteDescription(offer)
            await self.connection.setLocalDescription(await self.connection.createAnswer())
            mark_sockets(self.connection, TrafficClass.VIDEO)
        except Exception as error:  # aiortc raises many kinds on a malformed description
            self._refused = True
            reason = f"{type(error).__name__}: {error}"
            raise PeerError(f"the offer cannot be used: {reason}") from error
        text = str(self.connection.localDescription.sdp)
        if "H264/90000" not in text:
            self._refused = True
            raise PeerError("the viewer offers no H.264 video")
        return text

    def encryption(self) -> tuple[str, str]:
        """Cipher and protocol of the DTLS connection."""
        return encryption_of(self.connection.getSenders()[0].transport)

    async def close(self) -> None:
        """Disconnect."""
        try:
            await self.connection.close()
        except Exception:
            if not self._refused:
                raise
            # aiortc cannot close what a bad offer left half made; there is no socket yet.


STANDARD = Delivery()
AT_ONCE = Shaping()


class VideoPeers:
    """All viewers of one picture stream."""

    def __init__(
        self,
        on_keyframe: Callable[[], None],
        on_gone: Callable[[str], None] | None = None,
        on_sent: Callable[[str, SentPicture], None] | None = None,
        on_report: Callable[[str, ReceiverReport], None] | None = None,
        delivery: Delivery = STANDARD,
    ) -> None:
        patches.apply()
        self._watch = Watch(on_keyframe, on_gone, on_sent, on_report)
        self._delivery = delivery
        self._peers: dict[str, _Peer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def dropped(self) -> int:
        """Pictures that were not sent because a viewer's link did not move."""
        return sum(peer.dropped for peer in self._peers.values())

    async def answer(self, name: str, sdp: str) -> str:
        """Connect a viewer (replacing one of the same name); PeerError when `sdp` is unusable."""
        if name in self._peers:
            await self.close(name)
        if len(self._peers) >= MAX_PEERS:
            raise FullError(f"{MAX_PEERS} viewers are connected already")
        peer = _Peer(name, self._watch, self._delivery)
        self._peers[name] = peer
        peer.connection.on("connectionstatechange", lambda: self._changed(name, peer))
        try:
            return await peer.answer(sdp)
        except PeerError:
            await self.close(name)
            raise

    def publish(self, picture: EncodedPicture) -> None:
        """Send one encoded picture to every connected viewer."""
        if not self._peers:
            return
        payloads, timestamp = payloads_of(picture.data), patches.rtp_timestamp(picture.pts)
        for peer in self._peers.values():
            peer.send(payloads, timestamp, picture.keyframe)

    @property
    def duplicating(self) -> int:
        """Viewers whose packets are sent twice at present."""
        at_ns = now_ns()
        return sum(peer.redundancy.is_on(at_ns) for peer in self._peers.values())

    def may_spare_copies(self, name: str) -> bool:
        """Whether a viewer's packets are sent twice at present and could be sent once."""
        peer = self._peers.get(name)
        if peer is None or not peer.redundancy.may_end:
            return False
        return peer.redundancy.is_on(now_ns())

    def is_far(self, name: str) -> bool:
        """Whether a packet that a viewer asks for again comes too late."""
        peer = self._peers.get(name)
        return peer is not None and peer.redundancy.far

    def congested(self, name: str) -> None:
        """Tell that a viewer's link carries less than is sent: no duplicates for a while."""
        peer = self._peers.get(name)
        if peer is not None:
            peer.redundancy.congested(now_ns())

    async def close(self, name: str) -> None:
        """Disconnect one viewer; unknown names are no error."""
        peer = self._peers.pop(name, None)
        if peer is not None:
            await peer.close()

    async def close_all(self) -> None:
        """Disconnect everybody."""
        await asyncio.gather(*(self.close(name) for name in list(self._peers)))
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _changed(self, name: str, peer: _Peer) -> None:
        """Remove a viewer whose connection ended by itself."""
        state = peer.connection.connectionState
        connected = state == "connected"
        if connected:
            shut_out(peer.connection)
        weak = connected and not is_strong(*peer.encryption())
        gone = weak or state in ("failed", "closed")
        if gone and self._peers.get(name) is peer:
            task = asyncio.ensure_future(self.close(name))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            if self._watch.gone is not None:
                self._watch.gone(name)
