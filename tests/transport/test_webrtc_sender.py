"""Our packets on aiortc's sender: what leaves, when, how often, and what viewers report."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiortc.rtcrtpsender import RTCRtpSender
from aiortc.rtp import (
    RTP_HISTORY_SIZE,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
)
from video_harness import WAIT_S, Sender, only_loopback, run, viewers_of

from transport.local.clock import now_ns
from transport.redundancy import Duplicates
from transport.webrtc.decode import Picture
from transport.webrtc.patches.extensions import PatchError
from transport.webrtc.patches.sender import Wire, _Reports
from transport.webrtc.stream import HISTORY, REPEAT_NS, SentPicture
from transport.webrtc.video import Delivery

MS = 1_000_000


@pytest.fixture(autouse=True)
def _loopback() -> Iterator[None]:
    with only_loopback():
        yield


def _stream(sender: Sender) -> Any:
    (peer,) = sender.peers._peers.values()
    return peer.stream


def _capture(sender: Sender, *timestamps: int) -> list[bytes]:
    """SRTP packets that leave from now on, in order; they do leave.

    Sender reports (RFC 5761: payload types 64 to 95) are left out, they leave by the clock; with
    `timestamps` also the packets, and the copies still on their way, of all other pictures.
    """
    seen: list[bytes] = []
    wire = _stream(sender)._wire
    put = wire.put

    def noted(protected: bytes) -> None:
        stamp = int.from_bytes(protected[4:8], "big")
        if not 64 <= protected[1] & 0x7F <= 95 and (not timestamps or stamp in timestamps):
            seen.append(protected)
        put(protected)

    wire.put = noted
    return seen


def _big(sender: Sender) -> tuple[bytes, ...]:
    return tuple(bytes([0x61]) + bytes(100) for _ in range(9))


def test_a_picture_leaves_at_once_and_says_when() -> None:
    async def scenario() -> None:
        sent: list[tuple[str, SentPicture]] = []
        sender = Sender(Delivery(Duplicates.OFF))
        async with viewers_of(sender, 1) as (viewer,):
            await sender.show(viewer)
            (peer,) = sender.peers._peers.values()
            object.__setattr__(peer._watch, "sent", lambda name, one: sent.append((name, one)))
            seen = _capture(sender)
            picture = sender.picture()
            sender.peers.publish(picture)
            assert seen, "before anything else of the event loop runs"
            ((name, one),) = sent
            assert (name, one.packets) == ("0", len(seen))
            assert one.first_ns <= one.last_ns
            assert one.size <= len(picture.data)

    run(scenario)


def test_pacing_spreads_a_picture_and_keeps_the_order() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.ON, 1.0, 2.0))
        async with viewers_of(sender, 1) as (viewer,):
            await sender.show(viewer)
            assert sender.peers.duplicating == 1
            assert not sender.peers.may_spare_copies("0"), "the configuration wants them"
            seen = _capture(sender, 1)
            (peer,) = sender.peers._peers.values()
            stream = _stream(sender)
            stream.send(_big(sender), 1, peer._shaping())
            assert len(seen) == 3, "a third now, the others one and two milliseconds later"
            async with asyncio.timeout(WAIT_S):
                while len(seen) < 18:
                    await asyncio.sleep(0.001)
            firsts = list(dict.fromkeys(seen))
            assert len(firsts) == 9
            assert all(seen.count(packet) == 2 for packet in firsts)
            numbers = [int.from_bytes(packet[2:4], "big") for packet in firsts]
            assert numbers == [(numbers[0] + i) & 0xFFFF for i in range(9)]
            assert [packet[1] >> 7 for packet in firsts] == [0] * 8 + [1], "the marker is last"

    run(scenario)


def test_packets_of_two_pictures_are_never_mixed() -> None:
    """Chromium builds no picture from packets that do not follow each other, and asks for none."""

    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.ON, 1.0, 2.0))
        async with viewers_of(sender, 1) as (viewer,):
            await sender.show(viewer)
            seen = _capture(sender, 1, 2, 3)
            (peer,) = sender.peers._peers.values()
            stream = _stream(sender)
            for timestamp in (1, 2, 3):  # the loop is late: all are due at once
                stream.send(_big(sender), timestamp, peer._shaping())
            assert len(seen) == 9 + 9 + 3, "what an older picture held back leaves first"
            async with asyncio.timeout(WAIT_S):
                while len(seen) < 54:
                    await asyncio.sleep(0.001)
            firsts = list(dict.fromkeys(seen))
            numbers = [int.from_bytes(packet[2:4], "big") for packet in firsts]
            assert numbers == [(numbers[0] + i) & 0xFFFF for i in range(27)]
            stamps = [int.from_bytes(packet[4:8], "big") for packet in firsts]
            assert stamps == [1] * 9 + [2] * 9 + [3] * 9
            assert [packet[1] >> 7 for packet in firsts] == ([0] * 8 + [1]) * 3

    run(scenario)


def test_a_stuck_link_gets_no_new_pictures_until_a_keyframe() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        async with viewers_of(sender, 1) as (viewer,):
            await sender.show(viewer)
            seen, wire = _capture(sender), _stream(sender)._wire
            wire.backlog = lambda: 1 << 20
            asked = sender.asked
            sender.peers.publish(sender.picture(keyframe=False))
            assert not seen, "nothing is put behind what does not move"
            assert (sender.peers.dropped, sender.asked) == (1, asked + 1)
            wire.backlog = lambda: 0
            sender.peers.publish(sender.picture(keyframe=False))
            assert not seen, "the viewer misses the picture before"
            sender.peers.publish(sender.picture(keyframe=True))
            assert seen

    run(scenario)


def test_requests_are_answered_from_a_long_history_but_not_in_a_flood(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert HISTORY >= 512 > RTP_HISTORY_SIZE, "aiortc's own is shorter than a second of video"

    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        pictures: list[Picture] = []
        async with viewers_of(sender, 1, on_picture=pictures.append) as (viewer,):
            await sender.show(viewer)
            stream, seen = _stream(sender), _capture(sender)
            first = stream._sequence
            for _ in range(60):
                stream.send(_big(sender), 1, peer_shaping(sender))
            del seen[:]
            assert stream._wire.repair is not None, "a stream of its own for what is sent again"
            at_ns = now_ns()
            monkeypatch.setattr("transport.webrtc.stream.now_ns", lambda: at_ns)
            for _ in range(50):
                stream.packet_missing(first)
            assert len(seen) == 1, "asked fifty times within five milliseconds"
            stream.packet_missing((first + 30_000) & 0xFFFF)
            assert len(seen) == 1, "never sent"
            at_ns += REPEAT_NS
            stream.packet_missing(first)
            assert len(seen) == 2, "the answer was lost, too"

    def peer_shaping(sender: Sender) -> Any:
        (peer,) = sender.peers._peers.values()
        return peer._shaping()

    run(scenario)


def test_without_a_repair_stream_the_very_same_bytes_are_sent_again() -> None:
    """Protecting other bytes under the same sequence number would break AES-GCM."""

    def without_rtx(sdp: str) -> str:
        lines = [x for x in sdp.splitlines() if " rtx/" not in x and "apt=" not in x]
        return "\r\n".join(lines) + "\r\n"

    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        async with viewers_of(sender, 1, change=without_rtx) as (viewer,):
            await sender.show(viewer)
            stream, seen = _stream(sender), _capture(sender)
            assert stream._wire.repair is None
            first = stream._sequence
            (peer,) = sender.peers._peers.values()
            stream.send(_big(sender), 1, peer._shaping())
            stream.packet_missing(first)
            assert seen[9:] == seen[:1]

    run(scenario)


def _report(lost: int, highest: int, lsr: int = 0) -> RtcpRrPacket:
    info = RtcpReceiverInfo(
        ssrc=7, fraction_lost=64, packets_lost=lost, highest_sequence=highest, jitter=0,
        lsr=lsr, dlsr=65536 // 10,
    )  # fmt: skip
    return RtcpRrPacket(1, [info])


def test_reports_tell_loss_round_trip_and_estimate() -> None:
    reports = _Reports(ssrc=7)
    ntp = 0x0123_4567_89AB_CDEF
    lsr = ntp >> 16 & 0xFFFFFFFF
    reports.sent([RtcpSrPacket(7, RtcpSenderInfo(ntp, 0, 0, 0))], 1_000 * MS)
    taken = reports.taken(_report(1, 0, lsr), 1_130 * MS)
    assert taken is not None
    assert taken.loss is None, "a quarter of the last four packets: nothing is known yet"
    assert taken.round_trip_ms == pytest.approx(30.0, abs=0.1)
    again = reports.taken(_report(11, 1000, lsr), 2_130 * MS)
    assert again is not None
    assert again.loss == pytest.approx(0.01), "of the thousand since then"
    assert again.round_trip_ms is None, "the same sender report is no second measurement"
    remb = RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=pack_remb_fci(2_000_000, [7]))
    estimate = reports.taken(remb, 0)
    assert estimate is not None
    assert estimate.estimate_kbps == pytest.approx(2000.0)


@pytest.mark.parametrize("fci", [b"", b"REMB", b"REMB\xff\x00\x00\x00", b"x" * 30])
def test_feedback_that_cannot_be_read_or_is_for_others_is_ignored(fci: bytes) -> None:
    reports = _Reports(ssrc=7)
    assert reports.taken(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=0, fci=fci), 0) is None
    assert reports.taken(RtcpRrPacket(1, []), 0) is None


def test_a_real_viewer_reports_within_seconds() -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        sender = Sender(Delivery(Duplicates.OFF))
        async with viewers_of(sender, 1) as (viewer,):
            (peer,) = sender.peers._peers.values()
            object.__setattr__(peer._watch, "reported", lambda name, report: heard.append(report))
            await sender.show(viewer)
            async with asyncio.timeout(WAIT_S):
                while not any(r.round_trip_ms is not None for r in heard):
                    sender.peers.publish(sender.picture(keyframe=False))
                    await asyncio.sleep(0.02)

    run(scenario)


def test_upstream_still_calls_what_is_replaced_by_these_names() -> None:
    """When this fails, adapt `patches/sender.py`."""
    calls: dict[Callable[..., object], str] = {
        RTCRtpSender.send: "self._run_rtp(parameters.codecs[0])",
        RTCRtpSender._run_rtcp: "await self._send_rtcp(packets)",
        RTCRtpSender.stop: "await asyncio.gather(self.__rtp_exited.wait(), self.__rtcp_exited",
    }
    for method, call in calls.items():
        assert call in inspect.getsource(method)
    handler = inspect.getsource(RTCRtpSender._handle_rtcp_packet)
    assert "await self._retransmit(seq)" in handler
    assert "self._send_keyframe()" in handler


def test_upstream_still_packs_for_each_viewer_and_sends_once_unpaced() -> None:
    """When this fails, aiortc may have a pacer or duplicates of its own."""
    source = inspect.getsource(RTCRtpSender._run_rtp)
    assert "for i, payload in enumerate(enc_frame.payloads):" in source
    assert source.count("_send_rtp(") == 1
    assert "sleep(0.02)" in source
    assert source.count("sleep") == 1, "no pacing between packets"


def test_another_aiortc_is_refused_by_name() -> None:
    class Other:
        _ssrc = 1

    with pytest.raises(PatchError, match="rtp_started"):
        Wire(Other(), None)  # type: ignore[arg-type]
