"""Dwell, loop, slots, bucket and frames at their limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safety.frames import KEEP, FrameIndex
from safety.limits import Limits
from safety.liveness import Peer
from safety.messages import FrameStamp
from safety.watchdog import Bucket, Dwell, Loop, Slots, haptic_ms

MS = 1_000_000
T0 = 10_000_000_000
LIMITS = Limits()


def feed(loop: Loop, values: list[float], frame_ms: int = 33, now: int = T0) -> int:
    for frame, value in enumerate(values):
        for _ in range(frame_ms // 5):
            loop.add(frame, value, now, LIMITS)
            now += 5 * MS
    return now


@pytest.mark.parametrize(
    ("values", "late"),
    [
        ([50.0, 50.0, 50.0], False),
        ([50.1], False),
        ([50.1, 50.0], False),
        ([50.0, 50.1], False),
        ([50.1, 50.1], True),
        ([50.1, 49.0, 50.1], False),
        ([69.9], False),
        ([70.0], False),
        ([70.1], True),
        ([70.1, 30.0], False),
    ],
)
def test_late_is_two_frames_in_a_row_or_far_over_once(values: list[float], late: bool) -> None:
    loop = Loop()
    feed(loop, values)
    assert loop.late(LIMITS) is late


def test_one_late_command_makes_its_frame_late() -> None:
    loop = Loop()
    loop.add(1, 50.5, T0, LIMITS)
    loop.add(1, 20.0, T0, LIMITS)
    loop.add(2, 20.0, T0, LIMITS)
    assert not loop.late(LIMITS)
    loop.add(2, 50.5, T0, LIMITS)
    assert loop.late(LIMITS)


def test_the_average_needs_a_filled_window_and_forgets_what_is_older() -> None:
    loop = Loop()
    now = feed(loop, [60.0] * 5)  # 150 ms
    assert loop.average_ms(now, LIMITS) == -1.0
    now = feed(loop, [60.0] * 3, now=now)
    assert loop.average_ms(now, LIMITS) == pytest.approx(60.0)
    now = feed(loop, [20.0] * 7, now=now)  # 210 ms
    assert loop.average_ms(now, LIMITS) == pytest.approx(20.0)
    assert loop.average_ms(now + 10 * 1000 * MS, LIMITS) == -1.0


def test_dwell_is_believed_while_it_grows_with_the_stamps() -> None:
    dwell = Dwell()
    for k in range(10):
        trusted = dwell.trusted_ms(1, 3000 + 5000 * k, T0 + 5 * k * MS, LIMITS)
        assert trusted == pytest.approx(3.0 + 5 * k)


def test_a_dwell_that_disagrees_with_the_stamps_counts_as_none() -> None:
    dwell = Dwell()
    assert dwell.trusted_ms(1, 0, T0, LIMITS) == 0.0
    assert dwell.trusted_ms(1, 30_000, T0 + 5 * MS, LIMITS) == pytest.approx(30.0)  # 25 ms off
    assert dwell.trusted_ms(1, 30_100, T0 + 5 * MS, LIMITS) == 0.0
    assert dwell.trusted_ms(1, 0, T0 + 25 * MS, LIMITS) == 0.0
    assert dwell.trusted_ms(1, 2_000, T0 + 60 * MS, LIMITS) == 0.0, "it stands still: not believed"


def test_a_new_frame_cannot_have_been_on_screen_since_before_the_last_sample() -> None:
    dwell = Dwell()
    dwell.trusted_ms(1, 0, T0, LIMITS)
    assert dwell.trusted_ms(2, 29_000, T0 + 5 * MS, LIMITS) == pytest.approx(29.0)
    dwell = Dwell()
    dwell.trusted_ms(1, 0, T0, LIMITS)
    assert dwell.trusted_ms(2, 31_000, T0 + 5 * MS, LIMITS) == 0.0
    assert dwell.trusted_ms(2, 36_000, T0 + 10 * MS, LIMITS) == 0.0, "still not believed"


def test_dwell_is_clamped() -> None:
    dwell = Dwell()
    dwell.trusted_ms(1, 90_000, T0, LIMITS)
    assert dwell.trusted_ms(1, 4_000_000_000, T0 + 500 * MS, LIMITS) == 100.0


def run_slots(pattern: list[int], age_ms: float = 10.0) -> int:
    """Misses after slots with so many commands each."""
    slots = Slots()
    slots.advance(T0, LIMITS)
    for k, count in enumerate(pattern):
        if count:
            slots.command(age_ms, count, LIMITS)
        misses = slots.advance(T0 + (k + 1) * 5 * MS, LIMITS)
    return misses


def test_slots_count_what_is_missing() -> None:
    assert run_slots([1] * 40) == 0
    assert run_slots([1, 0] * 20) == 20
    assert run_slots([0] * 100) == 40, "the window holds 40"
    assert run_slots([1] * 10 + [0] * 3 + [1] * 10) == 3


def test_a_surplus_command_fills_one_empty_neighbour() -> None:
    assert run_slots([1, 0, 2, 1]) == 0
    assert run_slots([1, 2, 0, 1]) == 0
    assert run_slots([1, 0, 0, 3, 1]) == 1, "only the neighbours"
    assert run_slots([9, 0, 0, 0]) == 2, "a burst is no stream"


def test_late_commands_do_not_fill_a_slot() -> None:
    assert run_slots([1] * 10, age_ms=40.0) == 0
    assert run_slots([1] * 10, age_ms=40.1) == 10


def test_old_misses_leave_the_window() -> None:
    assert run_slots([0] * 20 + [1] * 40) == 0
    assert run_slots([0] * 20 + [1] * 39) == 1


def test_a_long_gap_closes_all_its_slots_at_once() -> None:
    slots = Slots()
    slots.advance(T0, LIMITS)
    assert slots.advance(T0 + 3_600_000 * MS, LIMITS) == 40
    assert slots.advance(T0, LIMITS) == 40, "time does not run backwards"


def test_the_bucket_drains_in_its_size_and_refills_four_times_slower() -> None:
    bucket = Bucket()
    for _ in range(9):
        assert not bucket.run(100.0, True, LIMITS)
    assert bucket.left_ms(LIMITS) == pytest.approx(100.0)
    assert not bucket.run(200.0, False, LIMITS)
    assert bucket.left_ms(LIMITS) == pytest.approx(150.0)
    assert not bucket.run(149.0, True, LIMITS)
    assert bucket.run(1.0, True, LIMITS)
    assert not bucket.run(4000.0, False, LIMITS)
    assert bucket.left_ms(LIMITS) == pytest.approx(1000.0)
    bucket.run(10_000.0, False, LIMITS)
    assert bucket.left_ms(LIMITS) == 1000.0


def test_haptic_leg_wraps_with_its_stamp() -> None:
    now = 7_200_000_000_000  # two hours: beyond 2^32 us
    echo = (now // 1000 - 30_000) % (1 << 32)
    assert haptic_ms(echo, 5_000, now) == pytest.approx(25.0)
    assert haptic_ms(0, 0, now) == -1.0


def stamp(rtp: int, acquired: int, content: int = 1, mark: int = -1) -> FrameStamp:
    return FrameStamp(rtp & 0xFFFFFFFF, acquired, content, True, mark)


def test_frames_are_found_by_their_timestamp() -> None:
    index = FrameIndex()
    for k in range(5):
        index.add(stamp(3000 * k, T0 + k, mark=k), T0 + k)
    assert index.present(6000, T0 + 10) == T0 + 2
    assert index.presented_mark == 2
    assert index.image_ms(T0 + 2 + 5 * MS) == pytest.approx(5.0)


def test_unknown_future_and_decreasing_frames_are_worst() -> None:
    index = FrameIndex()
    assert index.present(0, T0) is None
    index.add(stamp(1000, T0), T0)
    index.add(stamp(4000, T0 + 100), T0)
    assert index.present(4000, T0) is None, "acquired in the future"
    assert index.present(4000, T0 + 100) == T0 + 100
    assert index.present(1000, T0 + 200) is None, "older than the one before"
    assert index.present(4001, T0 + 200) is None, "never sent"
    assert index.present(4000, T0 + 200) == T0 + 100, "the same one again"


def test_timestamps_wrap() -> None:
    index = FrameIndex()
    index.add(stamp(0xFFFFFFF0, T0), T0)
    index.add(stamp(0xFFFFFFF0 + 3000, T0 + 1), T0)
    assert index.present(0xFFFFFFF0, T0 + 5) == T0
    assert index.present(2984, T0 + 5) == T0 + 1
    assert index.present(0xFFFFFFF0, T0 + 5) is None


def test_a_picture_is_frozen_when_its_content_or_the_stream_stands_still() -> None:
    index = FrameIndex()
    index.add(stamp(1, T0, content=5), T0)
    for k in range(1, 5):
        index.add(stamp(1 + k, T0, content=5), T0 + 33 * k * MS)
    assert index.unchanged_ms(T0 + 132 * MS) == pytest.approx(132.0)
    index.add(stamp(9, T0, content=6), T0 + 140 * MS)
    assert index.unchanged_ms(T0 + 141 * MS) == pytest.approx(1.0)


def test_old_frames_are_forgotten_and_a_restart_forgets_all() -> None:
    index = FrameIndex()
    for k in range(KEEP + 1):
        index.add(stamp(k, T0), T0)
    assert index.present(0, T0) is None
    assert index.present(1, T0) == T0
    index.forget()
    assert index.present(KEEP, T0) is None
    assert index.image_ms(T0) == -1.0


def test_a_peer_is_alive_while_its_stamps_are_fresh() -> None:
    peer = Peer()

    def lost(seq: int, stamp_ns: int, now_ns: int) -> bool:
        peer.update(seq, 1, stamp_ns, now_ns, 20.0)
        return peer.lost

    assert lost(0, T0, T0), "nothing was ever written"
    assert not lost(1, T0, T0 + 20 * MS)
    assert lost(1, T0, T0 + 20 * MS + 1)
    assert not lost(2, T0 + 40 * MS, T0 + 20 * MS), "written while we looked"
    assert lost(2, T0 + 41 * MS, T0 + 20 * MS), "a stamp from the future is broken"


def test_a_restart_is_seen_once() -> None:
    peer = Peer()

    def restarted(seq: int, incarnation: int) -> bool:
        peer.update(seq, incarnation, T0, T0, 20.0)
        return peer.restarted

    assert not restarted(1, 7)
    assert restarted(2, 8)
    assert not restarted(3, 8)


def test_tighter_limits_act_earlier() -> None:
    tight = replace(LIMITS, loop_ms=30.0, loop_once_ms=40.0)
    loop = Loop()
    loop.add(1, 41.0, T0, tight)
    assert loop.late(tight)
    assert not loop.late(LIMITS)
    loop.forget()
    assert (loop.newest_ms, loop.late(tight)) == (-1.0, False)
