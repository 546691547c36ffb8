"""The watchdog's borders, each with the neighbour on its other side."""

from __future__ import annotations

import pytest

from safety.limits import Limits
from safety.watchdog import Bucket, Dwell, Loop, Slots, haptic_ms

MS = 1_000_000
T0 = 10_000_000_000
LIMITS = Limits()
SLACK_MS = LIMITS.dwell_disagreement_ms
WINDOW_NS = int(LIMITS.loop_average_ms * MS)


def test_the_first_frame_ever_has_no_sample_before_it_to_disagree_with() -> None:
    assert Dwell().trusted_ms(1, 90_000, 5 * MS, LIMITS) == 90.0


@pytest.mark.parametrize("first", [0, 1, 7])
def test_a_new_frame_is_believed_up_to_the_last_sample_and_the_slack(first: int) -> None:
    dwell = Dwell()
    dwell.trusted_ms(first, 0, T0, LIMITS)
    border_us = round(1000 * (5.0 + SLACK_MS))
    assert dwell.trusted_ms(first + 1, border_us, T0 + 5 * MS, LIMITS) == 5.0 + SLACK_MS
    dwell = Dwell()
    dwell.trusted_ms(first, 0, T0, LIMITS)
    assert dwell.trusted_ms(first + 1, border_us + 1, T0 + 5 * MS, LIMITS) == 0.0


def test_a_believed_frame_is_followed_from_its_own_first_dwell() -> None:
    dwell = Dwell()
    dwell.trusted_ms(1, 0, T0, LIMITS)
    dwell.trusted_ms(2, 29_000, T0 + 5 * MS, LIMITS)
    assert dwell.trusted_ms(2, 34_000, T0 + 10 * MS, LIMITS) == 34.0


def test_a_frame_that_was_not_believed_is_followed_from_nothing() -> None:
    dwell = Dwell()
    dwell.trusted_ms(1, 0, T0, LIMITS)
    assert dwell.trusted_ms(2, 90_000, T0 + 5 * MS, LIMITS) == 0.0
    expected_ms = 40.0
    least_us = round(1000 * (expected_ms - SLACK_MS))
    at_ns = T0 + 5 * MS + round(expected_ms * MS)
    assert dwell.trusted_ms(2, least_us, at_ns, LIMITS) == expected_ms - SLACK_MS


def test_a_sample_as_old_as_the_window_still_counts() -> None:
    loop = Loop()
    loop.add(1, 60.0, T0, LIMITS)
    loop.add(2, 20.0, T0 + WINDOW_NS, LIMITS)
    assert loop.average_ms(T0 + WINDOW_NS - 1, LIMITS) == -1.0, "not filled yet"
    assert loop.average_ms(T0 + WINDOW_NS, LIMITS) == 40.0
    assert loop.average_ms(T0 + WINDOW_NS + 1, LIMITS) == 20.0


def test_a_loop_that_was_forgotten_knows_nothing() -> None:
    loop = Loop()
    for frame in range(3):
        loop.add(frame, 90.0, T0, LIMITS)
    loop.forget()
    assert (loop.newest_ms, loop.frame_id, loop.worst_ms, loop.before_late) == (
        -1.0,
        -1,
        0.0,
        False,
    )
    assert not loop.samples


def test_the_first_slot_of_all_is_a_slot() -> None:
    slots = Slots()
    slots.advance(0, LIMITS)
    assert slots.advance(round(5 * LIMITS.slot_ms * MS), LIMITS) == 5


def test_forgotten_slots_are_as_new() -> None:
    slots = Slots()
    slots.advance(T0, LIMITS)
    slots.command(0.0, 3, LIMITS)
    slots.advance(T0 + round(3 * LIMITS.slot_ms * MS), LIMITS)
    slots.command(0.0, 3, LIMITS)
    slots.forget()
    assert slots == Slots()


def test_an_empty_bucket_ends_a_hold_only_while_it_drains() -> None:
    bucket = Bucket()
    assert not bucket.run(LIMITS.bucket_ms - 1.0, True, LIMITS)
    assert bucket.run(1.0, True, LIMITS)
    assert not bucket.run(0.0, False, LIMITS)
    assert bucket.run(0.0, True, LIMITS)


def test_a_dwell_longer_than_the_echo_is_no_negative_leg() -> None:
    assert (
        haptic_ms(
            1000,
            5000,
            2_000_000,
        )
        == 0.0
    )
    assert haptic_ms(1000, 0, 2_000_000) == 1.0
    assert haptic_ms(0, 0, 2_000_000) == -1.0
