"""What the native receiver does otherwise than aiortc, and what upstream still lacks."""

from __future__ import annotations

import asyncio
import inspect
import random
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from aiortc import codecs
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import NackGenerator, RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtp import RtpPacket
from video_harness import WAIT_S, Sender, only_loopback, run, viewers_of

from transport.reassembly import EncodedFrame
from transport.redundancy import FAR_MS, Duplicates
from transport.webrtc import receive
from transport.webrtc.decode import BACKLOG, Picture, PictureDecoder, low_delay_decoder
from transport.webrtc.patches.extensions import PatchError
from transport.webrtc.patches.receiver import Reception
from transport.webrtc.patches.sender import ReceiverReport
from transport.webrtc.video import Delivery


@pytest.fixture(autouse=True)
def _loopback() -> Iterator[None]:
    with only_loopback():
        yield


def _encode(pictures: int) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
    context.time_base = Fraction(1, 90_000)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "forced-idr": "1",
    }
    out = []
    for i in range(pictures):
        frame = av.VideoFrame.from_ndarray(np.full((360, 320), 40 + 10 * i, np.uint8), "yuv420p")
        frame.pts = i * 3000
        out += [bytes(packet) for packet in context.encode(frame)]
    return out


def _frame(data: bytes, timestamp: int, after_loss: bool = False) -> EncodedFrame:
    return EncodedFrame(timestamp, data, 1, 2, after_loss)


class Decoded:
    """A decoder, every picture it gave, and what it asked for."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.needs: list[bool] = []
        self._arrived = threading.Condition()
        self.decoder = PictureDecoder(self.needs.append, self._take)

    def _take(self, picture: Picture) -> None:
        with self._arrived:
            self.pictures.append(picture)
            self._arrived.notify_all()

    def wait(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.pictures) >= count, WAIT_S)


def test_only_the_newest_picture_is_kept_with_its_wire_timestamp() -> None:
    decoded = Decoded()
    wire = [0xFFFFF000, 0xFFFFFBB8, 0x00000770]  # across the wrap
    for data, stamp in zip(_encode(3), wire, strict=True):
        decoded.decoder.put(_frame(data, stamp))
    decoded.wait(3)
    picture = decoded.decoder.newest()
    assert picture is not None
    assert (picture.rtp_timestamp, picture.count) == (wire[-1], 3)
    assert (picture.first_arrived_ns, picture.arrived_ns) == (1, 2)
    assert picture.begun_ns <= picture.decoded_ns
    assert decoded.decoder.overwritten == 2
    assert abs(float(picture.luma().mean()) - 60.0) < 3.0
    assert picture.luma().shape == (240, 320)
    decoded.decoder.close()


def test_each_picture_is_given_back_at_once() -> None:
    """A decoder with frame threads would hold pictures back; aiortc uses the default context."""
    context = low_delay_decoder()
    for data in _encode(4):
        assert len(context.decode(av.Packet(data))) == 1


def test_garbage_is_counted_and_a_keyframe_asked_for() -> None:
    decoded = Decoded()
    decoded.decoder.put(_frame(b"\x00\x00\x00\x01\x65garbage", 1))
    decoded.decoder.put(_frame(_encode(1)[0], 3000))
    decoded.wait(1)
    assert decoded.decoder.errors == 1
    assert True in decoded.needs
    assert decoded.needs[-1] is False, "the keyframe ended the need"
    decoded.decoder.close()


def test_a_picture_after_a_loss_is_not_called_intact_until_a_keyframe() -> None:
    decoded = Decoded()
    key, *rest = _encode(6)
    frames = [_frame(key, 0), _frame(rest[0], 3000), _frame(rest[2], 9000, after_loss=True),
              _frame(rest[3], 12000), _frame(key, 15000), _frame(rest[0], 18000)]  # fmt: skip
    for frame in frames:
        decoded.decoder.put(frame)
    decoded.wait(6)
    assert [p.intact for p in decoded.pictures] == [True, True, False, False, True, True]
    assert decoded.needs == [False, True, False]
    decoded.decoder.close()


def test_a_decoder_that_cannot_keep_up_begins_anew_instead_of_falling_behind() -> None:
    entered, released = threading.Event(), threading.Event()
    pictures: list[Picture] = []

    def slow(picture: Picture) -> None:
        pictures.append(picture)
        entered.set()
        released.wait(WAIT_S)

    needs: list[bool] = []
    decoder = PictureDecoder(needs.append, slow)
    key, *rest = _encode(2)
    decoder.put(_frame(key, 0))
    assert entered.wait(WAIT_S)
    for number in range(1, BACKLOG + 20):
        decoder.put(_frame(rest[0], number * 3000))
    released.set()
    decoder.put(_frame(key, 10_000_000))
    decoder.close()
    assert decoder.skipped >= 19
    assert True in needs
    assert pictures[-1].rtp_timestamp == 10_000_000


def _wires(sender: Sender) -> list[Any]:
    """The network side of every viewer of `sender`."""
    peers = sender.peers._peers.values()
    return [peer.connection.getSenders()[0].transport.transport for peer in peers]


def _lose(sender: Sender, drop: Callable[[bytes], bool]) -> list[bytes]:
    """From now on packets that `drop` names do not leave but come into this list."""
    lost: list[bytes] = []
    for wire in _wires(sender):
        send = wire._send

        async def lossy(data: bytes, send: Any = send) -> None:
            media = data[0] >> 6 == 2 and not 192 <= data[1] <= 208  # RFC 5761 section 4
            if media and drop(data):
                lost.append(data)
            else:
                await send(data)

        wire._send = lossy
    return lost


async def _all_seen(sender: Sender, pictures: list[Picture], count: int) -> None:
    """Send pictures, each needing the one before, until `count` have been decoded."""
    async with asyncio.timeout(WAIT_S):
        while len(pictures) < count:
            sender.peers.publish(sender.picture(keyframe=False))
            await asyncio.sleep(0.005)


def test_duplicates_repair_every_single_loss_without_a_request() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.ON, 3.0, 0.0))
        pictures: list[Picture] = []
        async with viewers_of(sender, 1, on_picture=pictures.append) as (viewer,):
            await sender.show(viewer)
            copies: dict[bytes, int] = {}

            def first_copy(data: bytes) -> bool:
                copies[data] = copies.get(data, 0) + 1
                return copies[data] == 1

            _lose(sender, first_copy)
            pictures.clear()
            await _all_seen(sender, pictures, 20)
            assert all(picture.intact for picture in pictures)
            assert viewer.reception.reassembly.given_up == 0
            assert viewer.reception.keyframes_asked == 0
            assert len(copies) >= 20
            assert set(copies.values()) <= {1, 2}, "the same bytes, not packed anew"

    run(scenario)


def test_without_duplicates_a_request_brings_what_was_lost() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        pictures: list[Picture] = []
        rng = random.Random(3)
        async with viewers_of(sender, 1, on_picture=pictures.append) as (viewer,):
            await sender.show(viewer)
            lost = _lose(sender, lambda _: rng.random() < 0.1)
            pictures.clear()
            await _all_seen(sender, pictures, 40)
            assert lost
            (peer,) = sender.peers._peers.values()
            assert peer.stream.repeated > 0
            assert viewer.reception.missing.round_trip_ns < 1_000_000_000

    run(scenario)


def test_loss_switches_duplicates_on_by_itself() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.AUTO))
        pictures: list[Picture] = []
        async with viewers_of(sender, 1, on_picture=pictures.append) as (viewer,):
            await sender.show(viewer)
            await _all_seen(sender, pictures, 5)
            assert sender.peers.duplicating == 0, "a clean link goes without"
            once = iter([True])
            lost = _lose(sender, lambda _: next(once, False))
            await _all_seen(sender, pictures, 15)
            assert len(lost) == 1
            assert sender.peers.duplicating == 1
            assert sender.peers.may_spare_copies("0")
            assert not sender.peers.is_far("0")
            (peer,) = sender.peers._peers.values()
            peer.reported(ReceiverReport(0, None, FAR_MS, None))
            assert sender.peers.is_far("0")

    run(scenario)


def test_a_gap_that_is_not_filled_ends_with_a_keyframe_and_an_intact_picture() -> None:
    async def scenario() -> None:
        sender = Sender(Delivery(Duplicates.OFF))
        pictures: list[Picture] = []
        async with viewers_of(sender, 1, on_picture=pictures.append) as (viewer,):
            await sender.show(viewer)
            wire = _wires(sender)[0]
            send = wire._send

            async def cut(data: bytes) -> None:
                return None

            wire._send = cut
            for _ in range(3):
                sender.peers.publish(sender.picture(keyframe=False))
            wire._send = send
            before = sender.asked
            (peer,) = sender.peers._peers.values()
            peer.stream._kept = [None] * len(peer.stream._kept)  # nothing to send again
            async with asyncio.timeout(WAIT_S):
                # The request may be here before the first made-up picture is decoded there.
                while sender.asked == before or all(picture.intact for picture in pictures):
                    sender.peers.publish(sender.picture(keyframe=False))
                    await asyncio.sleep(0.005)
                sender.peers.publish(sender.picture(keyframe=True))
                while not pictures[-1].intact or viewer.reception.reassembly.given_up == 0:
                    sender.peers.publish(sender.picture(keyframe=False))
                    await asyncio.sleep(0.005)
            assert viewer.reception.keyframes_asked >= 1

    run(scenario)


def test_upstream_still_holds_a_frame_until_the_next_one() -> None:
    """When this fails, aiortc releases on the marker itself: `Reassembly` may go."""
    stock = JitterBuffer(capacity=512, is_video=True)
    for sequence in range(3):
        packet = RtpPacket(sequence_number=sequence, timestamp=1000, marker=int(sequence == 2))
        packet._data = b"x"  # type: ignore[attr-defined]
        assert stock.add(packet)[1] is None


def test_upstream_still_asks_for_a_lost_packet_only_when_a_new_gap_opens() -> None:
    """When this fails, aiortc repeats its requests: `Missing` may go."""
    stock = NackGenerator()
    stock.add(RtpPacket(sequence_number=1))
    assert stock.add(RtpPacket(sequence_number=3))
    assert not any(stock.add(RtpPacket(sequence_number=n)) for n in range(4, 100))
    assert stock.missing == {2}


def test_upstream_still_has_the_parts_that_are_replaced() -> None:
    """`Reception` replaces a private handler; this names what upstream renamed."""
    source = inspect.getsource(RTCRtpReceiver)
    assert "async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int)" in source
    for part in ("__remote_streams[packet.ssrc] = StreamStatistics(codec.clockRate)",
                 "original_ssrc = self.__rtx_ssrc.get(packet.ssrc)", "async def _send_rtcp_pli",
                 "async def _send_rtcp_nack", "async def _send_rtcp("):  # fmt: skip
        assert part in source


def test_upstream_still_queues_pictures_without_a_limit() -> None:
    """When this fails, aiortc bounds its track queue: the newest-picture slot may go."""

    async def check() -> Any:
        return RemoteStreamTrack(kind="video")._queue.maxsize

    assert asyncio.run(check()) == 0
    assert "thread_count" not in inspect.getsource(codecs.h264.H264Decoder)


def test_taking_over_a_running_receiver_is_refused() -> None:
    async def check() -> None:
        video = receive.VideoReceiver()
        receiver = video._connection.getTransceivers()[0].receiver
        setattr(receiver, "_RTCRtpReceiver__started", True)  # noqa: B010
        with pytest.raises(PatchError, match="runs already"):
            Reception(receiver, video.decoder.put)
        setattr(receiver, "_RTCRtpReceiver__started", False)  # noqa: B010
        await video.close()

    asyncio.run(check())


def test_the_offer_asks_for_h264_only_and_a_bad_answer_is_our_error() -> None:
    async def check() -> None:
        video = receive.VideoReceiver()
        offer = await video.offer()
        assert "H264" in offer
        assert "VP8" not in offer
        with pytest.raises(receive.ReceiveError):
            await video.accept("v=0\r\nnonsense\r\n")
        await video.close()

    asyncio.run(check())
