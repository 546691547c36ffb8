"""Our reception on an aiortc receiver (changes of one `RTCRtpReceiver`, none of the class).

aiortc holds each frame until the next one begins, waits for a gap without limit, asks for a lost
packet once, and queues decoded pictures without bound. Here its handler of RTP packets is replaced;
its RTCP reports stay. Frames leave through `on_frame`; aiortc's decoder gets nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiortc.codecs import is_rtx
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket, pack_remb_fci, unwrap_rtx

from transport.bandwidth import DelayTrend
from transport.local.clock import now_ns
from transport.nack import Missing
from transport.reassembly import GAP_NS, EncodedFrame, Packet, Reassembly
from transport.rtp import unpack
from transport.sequence import unwrap
from transport.webrtc.patches.extensions import PatchError

CODEC = "H264"
GAP_MOST_NS = 300_000_000
KEYFRAME_AGAIN_NS = 150_000_000
"""A keyframe is asked for again after this time, or one and a half round trips if longer."""
TICK_NS = 1_000_000
_PRIVATE = ("codecs", "rtx_ssrc", "remote_streams", "rtcp_ssrc", "started", "active_ssrc")


class Reception:
    """One video stream: reassembly, requests, reports."""

    def __init__(self, receiver: RTCRtpReceiver, on_frame: Callable[[EncodedFrame], None]) -> None:
        missing = [n for n in _PRIVATE if not hasattr(receiver, f"_RTCRtpReceiver__{n}")]
        if missing:
            name = missing[0]
            raise PatchError(f"aiortc has no RTCRtpReceiver.__{name}: adapt patches/receiver.py")
        self._receiver: Any = receiver
        if self._private("started"):
            raise PatchError("the receiver runs already: take it over before the answer is set")
        self._on_frame = on_frame
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._source: int | None = None
        self._keyframe_asked_ns: int | None = None
        self._needs_keyframe = False
        self.reassembly = Reassembly()
        self.missing = Missing()
        self.trend = DelayTrend()
        self.keyframes_asked = 0
        self.packets = 0
        setattr(receiver, "_handle_rtp_packet", self._handle)  # noqa: B010

    def _private(self, name: str) -> Any:
        return getattr(self._receiver, f"_RTCRtpReceiver__{name}")

    async def _handle(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        """`RTCRtpReceiver._handle_rtp_packet`."""
        at_ns = now_ns()
        codec = self._private("codecs").get(packet.payload_type)
        if codec is None or not self._receiver._enabled:
            return
        statistics = self._private("remote_streams")
        if packet.ssrc not in statistics:
            statistics[packet.ssrc] = StreamStatistics(codec.clockRate)
        statistics[packet.ssrc].add(packet)
        repaired = is_rtx(codec)
        if repaired:
            unwrapped = self._unwrap_rtx(packet, codec.parameters.get("apt"))
            if unwrapped is None:
                return
            packet, codec = unwrapped
        if codec.name == CODEC and packet.payload:
            self._take(packet, repaired, at_ns)

    def _unwrap_rtx(self, packet: RtpPacket, payload_type: object) -> tuple[RtpPacket, Any] | None:
        source = self._private("rtx_ssrc").get(packet.ssrc)
        codec = self._private("codecs").get(payload_type)
        if source is None or codec is None or len(packet.payload) < 2:
            return None
        return unwrap_rtx(packet, payload_type=codec.payloadType, ssrc=source), codec

    def _take(self, packet: RtpPacket, repaired: bool, at_ns: int) -> None:
        try:
            data = unpack(packet.payload)
        except ValueError:  # not H.264: as if it had been lost on the way
            return
        self.packets += 1
        self._source = packet.ssrc
        taken = Packet(packet.sequence_number, packet.timestamp, bool(packet.marker), data, at_ns)
        frames = self.reassembly.add(taken)
        number = unwrap(packet.sequence_number, self.reassembly.highest)
        if repaired:
            self.missing.answered(number, at_ns)
        else:
            self.missing.seen(number)
            self.trend.packet(len(packet.payload), packet.timestamp, at_ns)
        self._pass_on(frames)
        self._look(at_ns)

    def _pass_on(self, frames: Sequence[EncodedFrame]) -> None:
        for frame in frames:
            self.trend.frame(frame.timestamp, frame.last_ns)
            self._on_frame(frame)

    def need_keyframe(self, needed: bool) -> None:
        """Decoding cannot go on (or can again); asks at once and again until it can."""
        if needed and not self._needs_keyframe:
            self._keyframe_asked_ns = None
        self._needs_keyframe = needed
        self._look(now_ns())

    def _look(self, at_ns: int) -> None:
        """Ask for what is missing, give up what is too late, and come back when it is time."""
        given_up = self.reassembly.given_up
        self._pass_on(self.reassembly.expire(at_ns))
        if self.reassembly.given_up > given_up and not self._needs_keyframe:
            self._needs_keyframe, self._keyframe_asked_ns = True, None
        self.missing.forget_before(self.reassembly.position)
        round_trip_ns = self.missing.round_trip_ns
        self.reassembly.gap_ns = min(GAP_MOST_NS, max(GAP_NS, 3 * round_trip_ns // 2))
        self._ask(at_ns)
        estimate_kbps = self.trend.estimate_kbps(at_ns)
        if estimate_kbps is not None:
            self._report(estimate_kbps)
        if self._timer is None:
            self._plan(at_ns)

    def _ask(self, at_ns: int) -> None:
        asked = self.missing.ask(at_ns) if len(self.missing) else []
        if asked and self._source is not None:
            numbers = [number & 0xFFFF for number in asked]
            self._spawn(self._receiver._send_rtcp_nack(self._source, numbers))
        if not self._needs_keyframe or self._source is None:
            return
        again_ns = max(KEYFRAME_AGAIN_NS, 3 * self.missing.round_trip_ns // 2)
        if self._keyframe_asked_ns is None or at_ns - self._keyframe_asked_ns >= again_ns:
            self._keyframe_asked_ns = at_ns
            self.keyframes_asked += 1
            self._spawn(self._receiver._send_rtcp_pli(self._source))

    def _plan(self, at_ns: int) -> None:
        """Set the timer for what is due next; none while nothing is missing."""
        due = [t for t in (self.reassembly.due_ns(), self.missing.due_ns()) if t is not None]
        if self._needs_keyframe:
            due.append((self._keyframe_asked_ns or at_ns) + KEYFRAME_AGAIN_NS)
        if due:
            delay_s = max(TICK_NS, min(due) - at_ns) / 1e9
            self._timer = self._loop.call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._look(now_ns())

    def _report(self, estimate_kbps: float) -> None:
        """REMB: what the link carries, sent only when it is less than what is sent."""
        own = self._private("rtcp_ssrc")
        if own is not None and self._source is not None:
            fci = pack_remb_fci(int(estimate_kbps * 1e3), [self._source])
            packet = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)
            self._spawn(self._receiver._send_rtcp(packet))

    def _spawn(self, sending: Any) -> None:
        """Send RTCP in a task (aiortc swallows the error of a connection that has just ended)."""
        task = self._loop.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Set no timer any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._needs_keyframe = False
        self.reassembly = Reassembly()
        self.missing = Missing()
