"""What the native receiver does otherwise than aiortc, change by change."""

from __future__ import annotations

import asyncio
import inspect
import threading
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from aiortc import codecs
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtcrtpreceiver import RemoteStreamTrack, RTCRtpReceiver
from aiortc.rtp import RtpPacket

from transport.webrtc import receive
from transport.webrtc.receive import FrameBatch, MarkerJitterBuffer, PictureDecoder


def _packet(sequence: int, timestamp: int, marker: int = 0) -> RtpPacket:
    packet = RtpPacket(sequence_number=sequence & 0xFFFF, timestamp=timestamp, marker=marker)
    packet._data = bytes([sequence & 0xFF])  # type: ignore[attr-defined]
    return packet


def _frame(first: int, timestamp: int, packets: int = 3) -> list[RtpPacket]:
    return [_packet(first + i, timestamp, int(i == packets - 1)) for i in range(packets)]


class _Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def _buffer(gap_ns: int = 50_000_000) -> tuple[MarkerJitterBuffer, _Clock]:
    clock = _Clock()
    return MarkerJitterBuffer(gap_ns=gap_ns, clock=clock), clock


def _released(batch: FrameBatch | None) -> list[int]:
    return [frame.timestamp for frame in batch.frames] if batch else []


def test_upstream_still_holds_a_frame_until_the_next_one() -> None:
    """When this fails, aiortc releases on the marker itself: drop MarkerJitterBuffer."""
    stock = JitterBuffer(capacity=512, is_video=True)
    assert all(stock.add(packet)[1] is None for packet in _frame(0, 1000))


def test_a_frame_is_released_by_its_marker() -> None:
    buffer, _ = _buffer()
    results = [_released(buffer.add(packet)[1]) for packet in _frame(65534, 1000)]
    assert results == [[], [], [1000]]


def test_without_markers_the_next_frame_releases() -> None:
    buffer, _ = _buffer()
    for sequence in range(3):
        assert buffer.add(_packet(sequence, 1000))[1] is None
    assert _released(buffer.add(_packet(3, 2000))[1]) == [1000]


def test_a_late_packet_releases_every_frame_it_completes() -> None:
    """Upstream returns one frame for each packet, so a closed gap would stay one frame late."""
    buffer, _ = _buffer()
    late, *rest = _frame(10, 2000)
    for packet in [*_frame(7, 1000), *rest, *_frame(13, 3000), *_frame(16, 4000)]:
        buffer.add(packet)
    loss, batch = buffer.add(late)
    assert not loss
    assert batch is not None
    assert [f.timestamp for f in batch.frames] == [2000, 3000, 4000]
    assert batch.frames[0].data == bytes([10, 11, 12])


def test_a_gap_waits_until_its_deadline_and_then_playback_goes_on() -> None:
    """Upstream waits for a gap without a limit of time."""
    buffer, clock = _buffer(gap_ns=50_000_000)
    for packet in _frame(0, 1000):
        buffer.add(packet)
    damaged = _frame(3, 2000)
    for packet in (damaged[0], damaged[2], *_frame(6, 3000)):
        assert buffer.add(packet)[1] is None
    clock.now = 50_000_000
    assert buffer.add(_packet(9, 4000))[1] is None
    clock.now = 50_000_001
    loss, batch = buffer.add(_packet(10, 4000, 1))
    assert loss
    assert _released(batch) == [3000, 4000]
    assert buffer.given_up == 1


def test_a_frame_of_unknown_start_is_not_shown_after_a_gap() -> None:
    buffer, clock = _buffer(gap_ns=0)
    for packet in _frame(0, 1000):
        buffer.add(packet)
    buffer.add(_packet(5, 2000))  # 3 and 4 are lost: 5 need not be the first of its frame
    clock.now = 1
    loss, batch = buffer.add(_packet(6, 2000, 1))
    assert loss
    assert _released(batch) == []
    assert [_released(buffer.add(p)[1]) for p in _frame(7, 3000)][-1] == [3000]


def test_random_loss_reorder_and_duplicates_never_release_a_mixed_frame() -> None:
    rng = np.random.default_rng(4)
    buffer, clock = _buffer()
    packets = [p for i in range(600) for p in _frame(60000 + 4 * i, 1000 + i * 3000, 4)]
    order = np.argsort(np.arange(len(packets)) + rng.uniform(0, 4, len(packets)))
    released: list[JitterFrame] = []
    for index in order:
        clock.now += 8_000_000
        for _ in range(rng.choice([0, 1, 2], p=[0.02, 0.95, 0.03])):
            batch = buffer.add(packets[index])[1]
            released += batch.frames if batch else []
    assert len(released) > 400
    stamps = [frame.timestamp for frame in released]
    assert stamps == sorted(set(stamps))
    for frame in released[1:]:  # the stream may be joined in the middle of a frame
        first = 60000 + 4 * ((frame.timestamp - 1000) // 3000)
        assert frame.data == bytes([(first + i) & 0xFF for i in range(4)])


def _encode(pictures: int) -> list[bytes]:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 320, 240, "yuv420p"
    context.time_base = Fraction(1, 90_000)
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    out = []
    for i in range(pictures):
        frame = av.VideoFrame.from_ndarray(np.full((360, 320), 40 + 10 * i, np.uint8), "yuv420p")
        frame.pts = i * 3000
        out += [bytes(packet) for packet in context.encode(frame)]
    return out


def _wait_decoded(decoder: PictureDecoder, count: int) -> None:
    waiting = threading.Event()
    for _ in range(2000):
        if decoder.decoded >= count:
            return
        waiting.wait(0.005)
    raise AssertionError(f"{decoder.decoded} of {count} pictures decoded")


H264 = SimpleNamespace(name="H264")


def test_only_the_newest_picture_is_kept_with_its_wire_timestamp() -> None:
    decoder = PictureDecoder(lambda: None)
    wire = [0xFFFFF000, 0xFFFFFBB8, 0x00000770]  # across the wrap
    for data, stamp in zip(_encode(3), wire, strict=True):
        decoder.put((H264, FrameBatch([JitterFrame(data, stamp)], 0)))
    _wait_decoded(decoder, 3)
    picture = decoder.newest()
    assert picture is not None
    assert (picture.rtp_timestamp, picture.count) == (wire[-1], 3)
    assert decoder.overwritten == 2
    assert abs(float(picture.luma().mean()) - 60.0) < 3.0
    assert picture.luma().shape == (240, 320)
    decoder.close()


def test_each_picture_is_given_back_at_once() -> None:
    """A decoder with frame threads would hold pictures back; aiortc uses the default context."""
    context = receive.low_delay_decoder()
    for data in _encode(4):
        assert len(context.decode(av.Packet(data))) == 1


def test_garbage_is_counted_and_the_sender_is_asked() -> None:
    asked = threading.Event()
    decoder = PictureDecoder(asked.set)
    decoder.put((H264, FrameBatch([JitterFrame(b"\x00\x00\x00\x01\x65garbage", 1)], 1)))
    for i, data in enumerate(_encode(1)):
        decoder.put((H264, FrameBatch([JitterFrame(data, 3000 + i)], 0)))
    _wait_decoded(decoder, 1)
    assert asked.is_set()
    assert decoder.errors == 1
    decoder.close()


def test_upstream_still_has_the_parts_that_are_replaced() -> None:
    """`tune` sets private parts; this names the one that upstream renamed."""

    async def check() -> None:
        video = receive.VideoReceiver()
        receiver = video._connection.getTransceivers()[0].receiver
        assert receiver._RTCRtpReceiver__jitter_buffer is video.buffer  # type: ignore[attr-defined]
        assert receiver._RTCRtpReceiver__decoder_queue is video.decoder  # type: ignore[attr-defined]
        source = inspect.getsource(RTCRtpReceiver)
        assert "self.__jitter_buffer.add(packet)" in source
        assert "self.__decoder_queue.put((codec, encoded_frame))" in source
        assert "self.__timestamp_mapper.map(" in source
        await video.close()

    asyncio.run(check())


def test_upstream_still_queues_pictures_without_a_limit() -> None:
    """When this fails, aiortc bounds its track queue: the newest-picture slot may go."""

    async def check() -> Any:
        return RemoteStreamTrack(kind="video")._queue.maxsize

    assert asyncio.run(check()) == 0
    assert "thread_count" not in inspect.getsource(codecs.h264.H264Decoder)


def test_tuning_a_running_receiver_is_refused() -> None:
    async def check() -> None:
        video = receive.VideoReceiver()
        receiver = video._connection.getTransceivers()[0].receiver
        setattr(receiver, "_RTCRtpReceiver__started", True)  # noqa: B010
        with pytest.raises(receive.ReceiveError, match="runs already"):
            receive.tune(receiver)
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
