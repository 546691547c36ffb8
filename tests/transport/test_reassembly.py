"""Frames from packets: by the marker, without waiting for the next frame, with a deadline."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.nack import MOST, REPEAT_LEAST_NS, Missing
from transport.reassembly import CAPACITY, EncodedFrame, Packet, Reassembly

MS = 1_000_000


def _packet(sequence: int, timestamp: int, marker: bool = False, at_ms: float = 0.0) -> Packet:
    data = bytes([sequence & 0xFF])
    return Packet(sequence & 0xFFFF, timestamp, marker, data, round(at_ms * MS))


def _frame(first: int, timestamp: int, packets: int = 3, at_ms: float = 0.0) -> list[Packet]:
    return [_packet(first + i, timestamp, i == packets - 1, at_ms) for i in range(packets)]


def _stamps(frames: list[EncodedFrame]) -> list[int]:
    return [frame.timestamp for frame in frames]


def test_a_frame_is_released_by_its_marker_across_the_wrap() -> None:
    frames = Reassembly()
    results = [_stamps(frames.add(packet)) for packet in _frame(65534, 1000)]
    assert results == [[], [], [1000]]


def test_without_markers_the_next_frame_releases() -> None:
    frames = Reassembly()
    for sequence in range(3):
        assert frames.add(_packet(sequence, 1000)) == []
    assert _stamps(frames.add(_packet(3, 2000))) == [1000]


def test_a_late_packet_releases_every_frame_it_completes_in_order() -> None:
    frames = Reassembly()
    late, *rest = _frame(10, 2000, at_ms=5)
    for packet in [*_frame(7, 1000), *rest, *_frame(13, 3000), *_frame(16, 4000, at_ms=7)]:
        frames.add(packet)
    released = frames.add(_packet(late.sequence, 2000, at_ms=9))
    assert _stamps(released) == [2000, 3000, 4000]
    assert released[0].data == bytes([10, 11, 12])
    assert (released[0].first_ns, released[0].last_ns) == (5 * MS, 9 * MS)
    assert not any(frame.after_loss for frame in released)


def test_a_second_copy_changes_nothing() -> None:
    frames = Reassembly()
    for packet in _frame(0, 1000):
        frames.add(packet)
    begun, *rest = _frame(3, 2000)
    for packet in (*_frame(0, 1000), begun, begun):
        assert frames.add(packet) == []
    assert frames.late == 4
    assert [_stamps(frames.add(packet)) for packet in rest] == [[], [2000]]


def test_a_gap_waits_until_its_deadline_and_then_the_next_whole_frame_goes_on() -> None:
    frames = Reassembly(gap_ns=50 * MS)
    for packet in _frame(0, 1000):
        frames.add(packet)
    damaged = _frame(3, 2000, at_ms=10)
    for packet in (damaged[0], damaged[2], *_frame(6, 3000, at_ms=40)):
        assert frames.add(packet) == []
    assert frames.due_ns() == 60 * MS
    assert frames.expire(60 * MS - 1) == []
    released = frames.expire(60 * MS)
    assert _stamps(released) == [3000]
    assert released[0].after_loss
    assert (frames.given_up, frames.due_ns()) == (1, None)
    assert not frames.add(_frame(9, 4000)[0]), "the stream goes on"


def test_a_frame_of_unknown_start_is_not_shown_after_a_gap() -> None:
    frames = Reassembly(gap_ns=0)
    for packet in _frame(0, 1000):
        frames.add(packet)
    frames.add(_packet(5, 2000))  # 3 and 4 are lost: 5 need not be the first of its frame
    assert _stamps(frames.expire(1)) == []
    assert [frames.add(packet) for packet in _frame(6, 2000, 1)] == [[]]
    assert [_stamps(frames.add(p)) for p in _frame(7, 3000)][-1] == [3000]


def test_the_first_packet_may_be_overtaken() -> None:
    frames = Reassembly()
    first, second, third = _frame(100, 1000)
    for packet in (second, first):
        assert frames.add(packet) == []
    assert _stamps(frames.add(third)) == [1000]


def test_a_jump_begins_a_new_stream_with_unknown_references() -> None:
    frames = Reassembly()
    for packet in _frame(0, 1000):
        frames.add(packet)
    released = [frames.add(packet) for packet in _frame(CAPACITY + 50, 9000)][-1]
    assert _stamps(released) == [9000]
    assert released[0].after_loss


@pytest.mark.parametrize("seed", range(5))
def test_loss_reorder_and_duplicates_never_release_a_mixed_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames, now = Reassembly(), 0
    sent = [p for i in range(800) for p in _frame(60000 + 4 * i, 1000 + i * 3000, 4)]
    order = np.argsort(np.arange(len(sent)) + rng.uniform(0, 4, len(sent)))
    released: list[EncodedFrame] = []
    for index in order:
        now += 8 * MS
        released += frames.expire(now)
        for _ in range(rng.choice([0, 1, 2], p=[0.02, 0.95, 0.03])):
            packet = sent[index]
            released += frames.add(
                Packet(packet.sequence, packet.timestamp, packet.marker, packet.data, now)
            )
    assert len(released) > 500
    stamps = _stamps(released)
    assert stamps == sorted(set(stamps))
    last = None
    for frame in released[1:]:  # the stream may be joined in the middle of a frame
        number = (frame.timestamp - 1000) // 3000
        first = 60000 + 4 * number
        assert frame.data == bytes([(first + i) & 0xFF for i in range(4)])
        assert frame.after_loss == (last is not None and number != last + 1)
        last = number


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.booleans()), max_size=40
    )
)
def test_whatever_arrives_memory_stays_bounded(packets: list[tuple[int, int, bool]]) -> None:
    frames, missing = Reassembly(), Missing()
    for now, (sequence, timestamp, marker) in enumerate(packets):
        frames.add(Packet(sequence, timestamp, marker, b"x", now * MS))
        frames.expire(now * MS)
        missing.seen(frames.highest)
        missing.ask(now * MS)
        assert len(missing) <= MOST
        assert len(frames._packets) <= CAPACITY + 1


def test_a_missing_packet_is_asked_for_at_once_and_again_until_it_comes() -> None:
    missing = Missing()
    missing.round_trip_ns = 20 * MS
    for number in (1, 2, 4):
        missing.seen(number)
    assert missing.ask(0) == [3]
    assert missing.ask(25 * MS - 1) == []
    assert missing.due_ns() == 25 * MS
    assert missing.ask(25 * MS) == [3]
    missing.seen(3)
    assert missing.ask(100 * MS) == []
    assert missing.due_ns() is None


def test_the_round_trip_is_learnt_from_single_answers_and_bounds_the_repeats() -> None:
    missing = Missing()
    for number in range(0, 200, 2):
        missing.seen(number)
        missing.ask(number * MS)
        if number:
            missing.answered(number - 1, number * MS + 4 * MS)
    assert abs(missing.round_trip_ns - 4 * MS) < MS // 10
    missing.seen(300)
    missing.ask(0)
    assert missing.due_ns() == REPEAT_LEAST_NS


def test_what_is_too_late_is_not_asked_for() -> None:
    missing = Missing()
    for number in (1, 5, 9):
        missing.seen(number)
    missing.forget_before(6)
    assert missing.ask(0) == [6, 7, 8]
