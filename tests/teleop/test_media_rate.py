"""The rule for watching only, and the measured picture rate (no process, no clock)."""

from __future__ import annotations

import pytest

from teleop.media.rate import SUSTAINED_NS, Average, Rate, observe_only

S = 1_000_000_000


@pytest.mark.parametrize(
    ("live", "fps", "simulated_arm", "expected"),
    [
        (True, 30.0, False, False),
        (True, 20.0, False, False),
        (True, 19.9, False, True),
        (True, 19.9, True, True),  # a slow live picture is not for driving, whatever the arm is
        (True, 0.0, True, True),
        (False, 30.0, False, True),  # a replay and a real arm never go together
        (False, 30.0, True, False),
        (False, 10.0, True, False),
    ],
)
def test_who_may_only_watch(live: bool, fps: float, simulated_arm: bool, expected: bool) -> None:
    assert observe_only(live, fps, simulated_arm) is expected


def test_the_rate_counts_the_last_second() -> None:
    rate = Rate(0)
    for number in range(90):
        rate.add(number * S // 30, 1000)
    end = 89 * S // 30
    assert rate.fps(end) == pytest.approx(30.0, abs=1.0)
    assert rate.kbps(end) == pytest.approx(240.0, abs=8.0)


def test_a_source_that_slows_down_or_stops_is_seen_within_a_second() -> None:
    rate = Rate(0)
    for number in range(60):
        rate.add(number * S // 30, 1)
    last = 59 * S // 30
    assert rate.fps(last + S // 2) < 20.0
    assert observe_only(True, rate.fps(last + S // 2), True)
    assert rate.fps(last + S) == 0.0
    assert rate.kbps(last + S) == 0.0


def test_at_the_start_nothing_is_assumed() -> None:
    rate = Rate(0)
    assert rate.fps(0) == 0.0
    for number in range(10):
        rate.add(number * S // 30, 1)
    assert observe_only(True, rate.fps(S // 3), True), "a third of a second proves no rate yet"


def test_averages_start_at_the_first_value_and_follow_slowly() -> None:
    average = Average()
    average.add(4.0)
    assert average.value == 4.0
    for _ in range(300):
        average.add(8.0)
    assert average.value == pytest.approx(8.0, abs=0.01)
    average.add(8.0 + 30.0)
    assert average.value == pytest.approx(9.0, abs=0.02)


def test_a_hiccup_does_not_make_a_picture_watch_only_but_a_slow_source_does() -> None:
    rate = Rate(0, SUSTAINED_NS)
    for number in range(120):
        rate.add(number * S // 30, 1000)
    assert not observe_only(True, rate.fps(4 * S + S // 2), True), "half a second is missing"
    for number in range(60):
        rate.add(5 * S + number * S // 15, 1000)
    assert observe_only(True, rate.fps(9 * S), True), "15 frames/s"
