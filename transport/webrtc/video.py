"""Video peers of the robot side: one encoder, many viewers, no queue deeper than one.

Packets come encoded (H.264, Annex B) from `teleop/media`; each viewer has a slot for the newest
packet. A viewer starts with a keyframe; when its slot is overwritten unsent, or it asks (PLI, FIR),
a keyframe is requested from the encoder through `on_keyframe`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtcrtpsender import RTCRtpSender

from transport.webrtc import patches

RTP_CLOCK = Fraction(1, 90_000)
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


class _PictureTrack(MediaStreamTrack):
    """Newest-packet slot of one viewer."""

    kind = "video"

    def __init__(self, on_keyframe: Callable[[], None]) -> None:
        super().__init__()
        self._on_keyframe = on_keyframe
        self._slot: EncodedPicture | None = None
        self._filled = asyncio.Event()
        self._synced = False
        self.dropped = 0
        self.taken = 0

    def offer(self, picture: EncodedPicture) -> None:
        """Put the newest picture into the slot."""
        if self.readyState != "live":
            return
        if not self._synced and not picture.keyframe:
            self._on_keyframe()
            return
        self._synced = True
        if self._slot is not None:
            self.dropped += 1
            if not picture.keyframe:  # the chain of references is broken
                self._slot, self._synced = None, False
                self._filled.clear()
                self._on_keyframe()
                return
        self._slot = picture
        self._filled.set()

    async def recv(self) -> Any:
        """Wait for the next picture; an `av.Packet`, which aiortc's sender packs unencoded."""
        while self._slot is None:
            if self.readyState != "live":
                raise MediaStreamError
            await self._filled.wait()
            self._filled.clear()
        picture, self._slot = self._slot, None
        self._filled.clear()
        self.taken += 1
        packet = av.Packet(picture.data)
        packet.pts, packet.time_base = picture.pts, RTP_CLOCK
        return packet

    def stop(self) -> None:
        """End the track and wake the sender."""
        super().stop()
        self._filled.set()


class _Peer:
    """One viewer's connection."""

    def __init__(self, on_keyframe: Callable[[], None]) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.track = _PictureTrack(on_keyframe)
        self._refused = False
        transceiver = self.connection.addTransceiver(self.track, direction="sendonly")
        # Must come before setRemoteDescription, or VP8 is used without a word.
        codecs = RTCRtpSender.getCapabilities("video").codecs
        transceiver.setCodecPreferences(
            [c for c in codecs if c.mimeType.lower() in ("video/h264", "video/rtx")]
        )
        # The packet path never consumes aiortc's keyframe flag, so requests are taken here.
        setattr(transceiver.sender, "_send_keyframe", on_keyframe)  # noqa: B010

    async def answer(self, sdp: str) -> str:
        """Take an offer, return the answer with all candidates; PeerError: it is unusable."""
        offer = RTCSessionDescription(sdp, "offer")
        try:
            await self.connection.setRemoteDescription(offer)
            await self.connection.setLocalDescription(await self.connection.createAnswer())
        except Exception as error:  # aiortc raises many kinds on a malformed description
            self._refused = True
            reason = f"{type(error).__name__}: {error}"
            raise PeerError(f"the offer cannot be used: {reason}") from error
        text = str(self.connection.localDescription.sdp)
        if "H264/90000" not in text:
            self._refused = True
            raise PeerError("the viewer offers no H.264 video")
        return text

    async def close(self) -> None:
        """Disconnect."""
        self.track.stop()
        try:
            await self.connection.close()
        except Exception:
            if not self._refused:
                raise
            # aiortc cannot close what a bad offer left half made; there is no socket yet.


class VideoPeers:
    """All viewers of one picture stream."""

    def __init__(
        self, on_keyframe: Callable[[], None], on_gone: Callable[[str], None] | None = None
    ) -> None:
        patches.apply()
        self._on_keyframe = on_keyframe
        self._on_gone = on_gone
        self._peers: dict[str, _Peer] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def dropped(self) -> int:
        """Pictures that were overwritten before a viewer's sender took them."""
        return sum(peer.track.dropped for peer in self._peers.values())

    async def answer(self, name: str, sdp: str) -> str:
        """Connect a viewer (replacing one of the same name); PeerError when `sdp` is unusable."""
        if name in self._peers:
            await self.close(name)
        if len(self._peers) >= MAX_PEERS:
            raise FullError(f"{MAX_PEERS} viewers are connected already")
        peer = _Peer(self._on_keyframe)
        self._peers[name] = peer
        peer.connection.on("connectionstatechange", lambda: self._changed(name, peer))
        try:
            return await peer.answer(sdp)
        except PeerError:
            await self.close(name)
            raise

    def publish(self, picture: EncodedPicture) -> None:
        """Hand one encoded picture to every connected viewer."""
        for peer in self._peers.values():
            if peer.connection.connectionState == "connected":
                peer.track.offer(picture)

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
        gone = peer.connection.connectionState in ("failed", "closed")
        if gone and self._peers.get(name) is peer:
            task = asyncio.ensure_future(self.close(name))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            if self._on_gone is not None:
                self._on_gone(name)
