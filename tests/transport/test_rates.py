"""Rate limits, outage detection and percentiles."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from transport.percentile import EMPTY, LatencyWindow, of_sorted
from transport.rates import OutageWatch, TokenBucket

MS = 1_000_000
S = 1000 * MS


@given(st.lists(st.integers(0, 50 * MS), min_size=1, max_size=400))
def test_a_bucket_never_passes_more_than_burst_and_rate(gaps_ns: list[int]) -> None:
    bucket, now, passed = TokenBucket(400.0, 100.0, 0), 0, 0
    for gap in gaps_ns:
        now += gap
        passed += bucket.take(now)
    assert passed <= 100 + 400 * now / S + 1e-6


def test_a_bucket_passes_the_nominal_rate_for_ever() -> None:
    bucket = TokenBucket(400.0, 100.0, 0)
    assert all(bucket.take(number * 5 * MS) for number in range(10_000))


def test_time_going_backwards_gives_no_tokens() -> None:
    bucket = TokenBucket(1.0, 1.0, 10 * S)
    assert bucket.take(10 * S)
    assert not bucket.take(5 * S)
    assert not bucket.take(10 * S)
    assert bucket.take(11 * S)


def test_an_outage_is_silence_after_a_flow() -> None:
    watch = OutageWatch()
    now = 0
    for _ in range(100):
        now += 5 * MS
        watch.seen(now)
    assert not watch.is_outage(now + 250 * MS)
    assert watch.is_outage(now + 251 * MS)
    watch.seen(now + 300 * MS)
    assert not watch.is_outage(now + 900 * MS), "must flow again before it counts again"


def test_a_slow_page_in_the_background_is_not_an_outage() -> None:
    watch = OutageWatch()
    for second in range(200):
        assert not watch.is_outage(second * S)
        watch.seen(second * S)


def test_percentiles_are_nearest_rank() -> None:
    assert of_sorted([float(n) for n in range(1, 101)]) == (50.0, 95.0, 99.0)
    assert of_sorted([7.0]) == (7.0, 7.0, 7.0)
    assert of_sorted([]) == EMPTY


def test_a_window_forgets_and_leaves_out_what_is_no_value() -> None:
    window = LatencyWindow(span_ns=10 * S, cache_ns=0)
    window.add(0, 100.0)
    for value in (-1.0, math.nan, math.inf):
        window.add(1 * S, value)
    window.add(5 * S, 1.0)
    assert window.percentiles(5 * S).p99_ms == 100.0
    assert window.percentiles(11 * S).p99_ms == 1.0
    assert window.percentiles(16 * S) == EMPTY


def test_a_window_is_sorted_at_most_four_times_a_second() -> None:
    window = LatencyWindow()
    rng = random.Random(1)
    shown = set()
    for tick in range(100):
        window.add(tick * 10 * MS, rng.random())
        shown.add(window.percentiles(tick * 10 * MS))
    assert len(shown) <= 5
