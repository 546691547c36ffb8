"""First copy wins over several links; quality of each link."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.multilink import (
    WINDOW,
    Arrivals,
    Copy,
    FirstCopy,
    LinkMeter,
    LinkReport,
    Variation,
)

MS = 1_000_000


def report(seq: int, **changes: int) -> LinkReport:
    fields = {"stamp_ns": 0, "kept_us": 0, "sent_us": 0, "expected": 0, "received": 0,
              "variation_us": 0} | changes  # fmt: skip
    return LinkReport(seq=seq, **fields)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=300), st.randoms(use_true_random=False))
def test_each_number_is_used_at_most_once_and_only_while_it_is_newest(
    numbers: list[int], order: random.Random
) -> None:
    """Against a plain set: any mix of copies of any order."""
    stream = FirstCopy()
    seen: set[int] = set()
    used: list[int] = []
    arrivals = [*numbers, *numbers]
    order.shuffle(arrivals)
    for seq in arrivals:
        newest = max(seen, default=-1)
        copy = stream.take(1, seq)
        if seq > newest:
            assert copy is Copy.NEWEST
            used.append(seq)
        elif newest - seq >= WINDOW:
            assert copy is Copy.STALE
        else:
            assert copy is (Copy.DUPLICATE if seq in seen else Copy.OVERTAKEN)
        if copy is not Copy.STALE:
            seen.add(seq)
    assert used == sorted(set(used))


def test_a_newer_epoch_starts_anew_and_an_older_one_is_stale() -> None:
    stream = FirstCopy()
    assert stream.take(5, 1000) is Copy.NEWEST
    assert stream.take(6, 3) is Copy.NEWEST
    assert stream.take(6, 3) is Copy.DUPLICATE
    assert stream.take(5, 1001) is Copy.STALE


def test_two_lossy_links_deliver_what_either_of_them_does() -> None:
    rng = random.Random(7)
    stream, got = FirstCopy(), 0
    waiting: list[tuple[float, int]] = []
    for seq in range(10_000):
        waiting += [(seq + rng.uniform(0, 0.9), seq) for _ in range(2) if rng.random() > 0.02]
    for _, seq in sorted(waiting):
        got += stream.take(1, seq) is Copy.NEWEST
    assert got >= 10_000 * (1 - 0.001), "independent 2 % twice is 0.04 %"


def test_arrivals_count_gaps_reordering_and_a_new_start() -> None:
    stream = Arrivals()
    for seq in (10, 11, 14, 12, 15):
        stream.saw(seq)
    assert (stream.expected, stream.received) == (6, 5)
    stream.saw(9_000_000)
    assert (stream.expected, stream.received) == (7, 6)
    wrapping = Arrivals(modulus=1 << 16)
    for seq in (65_534, 65_535, 1, 2):
        wrapping.saw(seq)
    assert (wrapping.expected, wrapping.received) == (5, 4)


@pytest.mark.parametrize("offset_ns", [0, -(10**18), 10**18])
def test_variation_needs_no_common_clock(offset_ns: int) -> None:
    variation = Variation()
    for i in range(100):
        sent_ns = i * 10 * MS
        extra_ns = 7 * MS if i == 50 else 0
        variation.saw(sent_ns, sent_ns + offset_ns + 12 * MS + extra_ns)
    assert variation.worst_ms == pytest.approx(7.0)


def test_quality_of_a_link() -> None:
    meter = LinkMeter(0)
    now = 0
    for i in range(100):
        now += 10 * MS
        if i % 4:
            meter.frame(i, now)
        meter.report(
            report(i, stamp_ns=now - 23 * MS, kept_us=3000, sent_us=now // 1000 - 5000,
                   expected=10 * i, received=9 * i, variation_us=1500),
            now,
        )  # fmt: skip
    quality = meter.quality(now, is_open=True)
    assert quality.open
    assert quality.rtt_ms == pytest.approx(20.0)
    assert quality.silent_ms == pytest.approx(3.0)
    assert quality.loss_down == pytest.approx(0.1, abs=0.001)
    assert quality.loss_up == pytest.approx(25 / 200, abs=0.01)
    assert quality.variation_up_ms == pytest.approx(0.0)
    assert quality.variation_down_ms == pytest.approx(1.5)
    later = meter.quality(now + 1_200 * MS, is_open=True)
    assert later.silent_ms == pytest.approx(1203.0)


def test_a_link_that_is_heard_but_hears_nothing_is_silent() -> None:
    meter = LinkMeter(0)
    for i in range(200):
        meter.report(report(i, stamp_ns=1, kept_us=i * 10_000), i * 10 * MS)
    assert meter.quality(2000 * MS, is_open=True).silent_ms >= 1990


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**63), st.integers(0, 2**32 - 1),
                          st.integers(0, 2**63), st.integers(0, 65535), st.integers(0, 65535),
                          st.integers(0, 2**32 - 1)), max_size=20))  # fmt: skip
def test_no_report_makes_a_meter_fail(reports: list[tuple[int, ...]]) -> None:
    meter = LinkMeter(0)
    for at, values in enumerate(reports):
        meter.report(LinkReport(*values), at * MS)
    quality = meter.quality(10**9, is_open=False)
    assert quality.loss_down == -1.0 or 0.0 <= quality.loss_down <= 1.0
    assert quality.loss_up == -1.0 or 0.0 <= quality.loss_up <= 1.0
