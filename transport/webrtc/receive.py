"""Native receiver of the ultrasound stream: low delay, newest picture, wire timestamps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver

from transport.webrtc.decode import Picture, PictureDecoder, low_delay_decoder
from transport.webrtc.patches.receiver import Reception

__all__ = ["Picture", "ReceiveError", "VideoReceiver", "low_delay_decoder"]


class ReceiveError(RuntimeError):
    """The peer connection cannot be used; offer a new one."""


class VideoReceiver:
    """One receive-only video peer connection (the page's side of `Offer{peer: video}`)."""

    def __init__(self, on_picture: Callable[[Picture], None] | None = None) -> None:
        """Take `on_picture` to hear of every decoded picture, in the decoder's thread."""
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self._connection.addTransceiver("video", direction="recvonly")
        wanted = RTCRtpReceiver.getCapabilities("video")
        if wanted is None:
            raise ReceiveError("aiortc offers no video codec")
        transceiver.setCodecPreferences(
            [c for c in wanted.codecs if c.mimeType.lower() in ("video/h264", "video/rtx")]
        )
        self._loop = asyncio.get_running_loop()
        self.decoder = PictureDecoder(self._need_keyframe, on_picture)
        self.reception = Reception(transceiver.receiver, self.decoder.put)

    def _need_keyframe(self, needed: bool) -> None:
        """Called by the decoder's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.reception.need_keyframe, needed)

    async def offer(self) -> str:
        """Return an offer, complete with candidates."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Take the other side's answer; ReceiveError when it cannot be used."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        except (ValueError, AssertionError, KeyError, IndexError) as error:
            raise ReceiveError(f"the answer cannot be used: {error}") from error

    @property
    def state(self) -> str:
        """The connection state in WebRTC's words."""
        return str(self._connection.connectionState)

    def newest(self) -> Picture | None:
        """The newest decoded picture, None before the first."""
        return self.decoder.newest()

    async def close(self) -> None:
        """Close the connection and end the decoder."""
        self.reception.close()
        await self._connection.close()
        self.decoder.close()
