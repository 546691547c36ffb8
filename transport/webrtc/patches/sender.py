"""Our packets on an aiortc sender (changes of one `RTCRtpSender`, none of the class).

aiortc's own loop pulls from a track, packetises for each viewer and awaits every packet. Here
packets are pushed: a picture is split once for all viewers, the time stamp origin is shared, and
an SRTP packet's bytes are at hand, so that the same bytes can be sent again. What the viewer
reports (loss, round trip, estimate of the rate) is handed on instead of being kept inside.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import aiortc.clock
from aiortc.codecs import is_rtx
from aiortc.rtcdtlstransport import State
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_header_extensions,
    unpack_remb_fci,
)

from transport.local.clock import now_ns
from transport.losswindow import LossWindow
from transport.rtp import Header
from transport.webrtc.patches.extensions import (
    PLAYOUT_DELAY_NONE,
    PLAYOUT_DELAY_URI,
    PatchError,
)

ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
_PRIVATE = ("rtp_started", "rtp_exited", "ntp_timestamp", "rtp_timestamp", "octet_count",
            "packet_count")  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """What a viewer says about the stream; None: not in this report."""

    at_ns: int
    loss: float | None
    """Share of packets lost over the last second or more, 0..1 (after duplicates were used)."""
    round_trip_ms: float | None
    """By one of our sender reports; each is measured by once."""
    estimate_kbps: float | None
    """What the viewer believes the link carries (REMB)."""


class SenderEvents(Protocol):
    """What a viewer asks and reports."""

    def keyframe_wanted(self) -> None:
        """PLI or FIR."""

    def packet_missing(self, sequence: int) -> None:
        """NACK for one packet."""

    def reported(self, report: ReceiverReport) -> None:
        """RTCP receiver report or REMB."""


class Wire:
    """The wire of one sender: builds headers, protects, sends, keeps RTCP going."""

    def __init__(self, sender: RTCRtpSender, events: SenderEvents) -> None:
        missing = [n for n in _PRIVATE if not hasattr(sender, f"_RTCRtpSender__{n}")]
        if missing:
            raise PatchError(f"aiortc has no RTCRtpSender.__{missing[0]}: adapt patches/sender.py")
        self._sender: Any = sender
        self._events = events
        self.header: Header | None = None
        """Set when the connection is agreed on; nothing can be sent before."""
        self.repair: Header | None = None
        """Headers of the retransmission stream (RFC 4588) when it was agreed on."""
        self._reports = _Reports(sender._ssrc)
        self._send = sender.send
        self._send_rtcp = sender._send_rtcp
        self._handle_rtcp = sender._handle_rtcp_packet
        for name, method in (
            ("send", self._start), ("_run_rtp", self._stand_by), ("_send_rtcp", self._note_rtcp),
            ("_handle_rtcp_packet", self._take_rtcp), ("_retransmit", self._retransmit),
            ("_send_keyframe", events.keyframe_wanted),
        ):  # fmt: skip
            setattr(sender, name, method)

    async def _start(self, parameters: RTCRtpSendParameters) -> None:
        """`RTCRtpSender.send`: learn what was agreed on, then let aiortc start its tasks."""
        extensions = _Extensions(parameters)
        codec = parameters.codecs[0]
        assert codec.payloadType is not None
        self.header = Header(codec.payloadType, self._sender._ssrc, extensions.packed)
        for other in parameters.codecs:
            if other.payloadType and is_rtx(other) and other.parameters["apt"] == codec.payloadType:
                self.repair = Header(
                    other.payloadType, self._sender._rtx_ssrc, extensions.packed
                )  # fmt: skip
        self._send_time_at = extensions.send_time_at
        await self._send(parameters)

    async def _stand_by(self, codec: RTCRtpCodecParameters) -> None:
        """`RTCRtpSender._run_rtp`: nothing to pull; end when aiortc stops the sender."""
        self._private("rtp_started").set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # how aiortc ends this task
            self.header = None
        self._private("rtp_exited").set()

    def _private(self, name: str) -> Any:
        return getattr(self._sender, f"_RTCRtpSender__{name}")

    def tail(self) -> bytes:
        """The header extensions with the time of sending in them (abs-send-time: 6.18 s)."""
        assert self.header is not None
        tail = self.header.tail
        at = self._send_time_at
        if at is None:
            return tail
        time = (aiortc.clock.current_ntp_time() >> 14) & 0xFFFFFF
        return tail[:at] + time.to_bytes(3, "big") + tail[at + 3 :]

    @property
    def is_open(self) -> bool:
        """True while packets can leave."""
        return self.header is not None and self._sender.transport._state == State.CONNECTED

    def backlog(self) -> int:
        """Bytes that the socket has not taken yet."""
        pair = self._sender.transport.transport._connection._nominated.get(1)
        socket = pair and getattr(pair.protocol, "transport", None)
        waiting = getattr(socket, "get_write_buffer_size", None)
        return int(waiting()) if waiting is not None else 0

    def protect(self, packet: bytes) -> bytes:
        """SRTP bytes of a packet; a sequence number is protected once only."""
        protected: bytes = self._sender.transport._tx_srtp.protect(packet)
        return protected

    def put(self, protected: bytes) -> None:
        """Send now. A link that has just ended swallows it: aiortc reports the end itself."""
        try:
            self._sender.transport.transport._send(protected).send(None)
        except (StopIteration, ConnectionError):
            return
        raise PatchError("RTCIceTransport._send waited; a sender must not")

    def account(self, timestamp: int, packets: int, payload_bytes: int) -> None:
        """Keep what aiortc's RTCP sender reports contain."""
        prefix = "_RTCRtpSender__"
        setattr(self._sender, prefix + "ntp_timestamp", aiortc.clock.current_ntp_time())
        setattr(self._sender, prefix + "rtp_timestamp", timestamp)
        setattr(self._sender, prefix + "packet_count", self._private("packet_count") + packets)
        octets = self._private("octet_count") + payload_bytes
        setattr(self._sender, prefix + "octet_count", octets)

    def ask_for_round_trip(self) -> None:
        """Send a sender report now: what the viewer answers tells how long packets queue.

        aiortc sends one in 0.5 to 1.5 s, too rarely to see a queue grow.
        """
        name = "_RTCRtpSender__"
        report = RtcpSrPacket(
            ssrc=self._sender._ssrc,
            sender_info=RtcpSenderInfo(
                ntp_timestamp=aiortc.clock.current_ntp_time(),
                rtp_timestamp=getattr(self._sender, name + "rtp_timestamp"),
                packet_count=getattr(self._sender, name + "packet_count") & 0xFFFFFFFF,
                octet_count=getattr(self._sender, name + "octet_count") & 0xFFFFFFFF,
            ),
        )
        self._reports.sent([report], now_ns())
        self.put(self._sender.transport._tx_srtp.protect_rtcp(bytes(report)))

    async def _retransmit(self, sequence_number: int) -> None:
        self._events.packet_missing(sequence_number)

    async def _note_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        self._reports.sent(packets, now_ns())
        await self._send_rtcp(packets)

    async def _take_rtcp(self, packet: AnyRtcpPacket) -> None:
        report = self._reports.taken(packet, now_ns())
        if report is not None:
            self._events.reported(report)
        await self._handle_rtcp(packet)


class _Extensions:
    """The header extensions that were agreed on, packed once."""

    def __init__(self, parameters: RTCRtpSendParameters) -> None:
        numbers = {extension.uri: extension.id for extension in parameters.headerExtensions}
        elements: list[tuple[int, bytes]] = []
        if ABS_SEND_TIME_URI in numbers:
            elements.append((numbers[ABS_SEND_TIME_URI], bytes(3)))
        if MID_URI in numbers and parameters.muxId:
            elements.append((numbers[MID_URI], parameters.muxId.encode()))
        if PLAYOUT_DELAY_URI in numbers:
            elements.append((numbers[PLAYOUT_DELAY_URI], PLAYOUT_DELAY_NONE))
        profile, value = pack_header_extensions(elements)
        self.packed = profile, value
        element_header = 1 if profile == 0xBEDE else 2  # RFC 8285 sections 4.2 and 4.3
        self.send_time_at = 4 + element_header if ABS_SEND_TIME_URI in numbers else None


class _Reports:
    """Reads reports; measures the round trip on the monotonic clock (RFC 3550 section 6.4.1)."""

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._loss = LossWindow()
        self._sent_ns: dict[int, int] = {}
        """When the last sender reports left, by the middle 32 bits of their NTP time."""

    def sent(self, packets: list[AnyRtcpPacket], at_ns: int) -> None:
        """Remember when a sender report left."""
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                self._sent_ns[packet.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF] = at_ns
                while len(self._sent_ns) > 8:
                    del self._sent_ns[next(iter(self._sent_ns))]

    def taken(self, packet: AnyRtcpPacket, at_ns: int) -> ReceiverReport | None:
        """What `packet` says about this stream."""
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    lost = self._loss.reported(report.packets_lost, report.highest_sequence, at_ns)
                    round_trip_ms = self._round_trip_ms(report.lsr, report.dlsr, at_ns)
                    return ReceiverReport(at_ns, lost, round_trip_ms, None)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            return self._estimate(packet.fci, at_ns)
        return None

    def _round_trip_ms(self, last_report: int, delay: int, at_ns: int) -> float | None:
        sent_ns = self._sent_ns.pop(last_report, None)
        if sent_ns is None:
            return None
        return max(0.0, (at_ns - sent_ns) / 1e6 - delay / 65.536)

    def _estimate(self, fci: bytes, at_ns: int) -> ReceiverReport | None:
        try:
            bits_per_s, sources = unpack_remb_fci(fci)
        except (ValueError, struct.error):  # another kind of application feedback, or cut short
            return None
        if self._ssrc not in sources:
            return None
        return ReceiverReport(at_ns, None, None, bits_per_s / 1e3)
