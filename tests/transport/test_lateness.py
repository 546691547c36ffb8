"""Lateness histograms, loops on absolute time, and what a machine may refuse."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from transport.local import lateness, mailbox
from transport.local.clock import now_ns
from transport.local.lateness import (
    BINS,
    COUNTS_BYTES,
    Histogram,
    between,
    bin_of,
    percentiles_us,
    unpacked,
)
from transport.local.loop import Cycle
from transport.local.mailbox import Mailbox
from transport.local.realtime import NOT_ASKED, RealTime, absolute_sleeper
from transport.local.timing import LOOP_TIMING, TimingTeller

US, MS, S = 1_000, 1_000_000, 1_000_000_000


def test_bins_are_in_order_and_no_wider_than_an_eighth() -> None:
    edges = [lateness.upper_edge_ns(i) for i in range(BINS)]
    assert edges == sorted(set(edges))
    assert edges[-1] > S
    for index in range(1, BINS):
        lower, upper = edges[index - 1], edges[index]
        assert bin_of(lower) == index
        assert bin_of(upper - 1) == index
        assert upper - lower <= max(256, lower / 8)


def test_no_duration_breaks_a_histogram() -> None:
    rng = random.Random(3)
    histogram = Histogram()
    values = [rng.randrange(-(1 << rng.randrange(1, 60)), 1 << rng.randrange(1, 70))
              for _ in range(2000)]  # fmt: skip
    for value in (*values, -S, 0, 1 << 80):
        histogram.add(value)
    assert sum(histogram.counts) == histogram.total == 2003
    assert histogram.max_ns == 1 << 80
    assert unpacked(histogram.packed()) == histogram.counts
    assert len(histogram.packed()) == COUNTS_BYTES


@pytest.mark.parametrize("size", [0, COUNTS_BYTES - 1, COUNTS_BYTES + 8])
def test_a_histogram_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        unpacked(bytes(size))


def test_percentiles_never_look_better_than_the_samples() -> None:
    rng = random.Random(5)
    samples = sorted(round(rng.lognormvariate(11.0, 1.0)) for _ in range(5000))
    histogram = Histogram()
    for sample in samples:
        histogram.add(sample)
    shares = (0.5, 0.99, 0.999, 1.0)
    for share, found_us in zip(shares, histogram.percentiles_us(shares), strict=True):
        exact_us = samples[max(0, -(-round(share * 5000) // 1) - 1)] / US
        assert exact_us <= found_us <= 1.13 * exact_us + 0.3
    assert Histogram().percentiles_us(shares) == [-1.0] * 4


def test_a_span_is_the_difference_of_two_readings() -> None:
    histogram = Histogram()
    for _ in range(100):
        histogram.add(30 * MS)  # the start of a process
    before = list(histogram.counts)
    for _ in range(1000):
        histogram.add(50 * US)
    span = between(histogram.counts, before)
    assert sum(span) == 1000
    assert percentiles_us(span, (0.999,))[0] < 60.0
    assert percentiles_us(histogram.counts, (0.999,))[0] > 30_000.0


def test_a_late_cycle_is_counted_with_its_lateness_and_never_caught_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a clock of our own: the loop sleeps to its grid and skips what it missed."""
    clock = [10 * S + 300 * US]
    oversleep = [0, 0, 5 * MS, 0]
    monkeypatch.setattr("transport.local.loop.now_ns", lambda: clock[0])

    def sleep(due_ns: int) -> None:
        clock[0] = max(clock[0], due_ns) + 20 * US + oversleep.pop(0)

    monkeypatch.setattr("transport.local.loop.absolute_sleeper", lambda: sleep)
    cycle = Cycle(2 * MS, offset_ns=MS)
    woke = [cycle.wait() - 10 * S for _ in range(4)]
    assert woke == [3 * MS + 20 * US, 5 * MS + 20 * US, 12 * MS + 20 * US, 13 * MS + 20 * US]
    assert cycle.overruns == 2
    assert cycle.late.max_ns == 5 * MS + 20 * US
    assert cycle.late.total == 4
    assert cycle.busy.total == 3


def test_an_absolute_sleep_ends_at_its_time_and_not_before() -> None:
    sleep = absolute_sleeper()
    assert sleep is not None
    for _ in range(20):
        due_ns = now_ns() + MS
        sleep(due_ns)
        assert now_ns() >= due_ns
    sleep(now_ns() - S)  # what is past needs no sleep


SIGNALLED = """
import os, signal, threading
from transport.local.clock import now_ns
from transport.local.realtime import absolute_sleeper
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(now_ns()))
due = now_ns() + 300_000_000
threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
absolute_sleeper()(due)
assert heard and heard[0] < due <= now_ns()
"""


@pytest.mark.process
def test_a_signal_is_heard_during_a_sleep_and_does_not_end_it() -> None:
    subprocess.run([sys.executable, "-c", SIGNALLED], check=True, timeout=240)


REFUSED = """
import gc, os, resource
from transport.local.realtime import collections, go_real_time
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
granted = go_real_time(40, (1000,))
assert granted.asked and granted.degraded
assert not (granted.fifo or granted.locked or granted.pinned), granted
before = collections()
cycles = [[] for _ in range(5000)]
for one in cycles:
    one.append(one)
del cycles
assert collections() == before and not gc.isenabled()
"""


@pytest.mark.process
def test_refused_rights_are_said_and_stop_nothing() -> None:
    subprocess.run([sys.executable, "-c", REFUSED], check=True, timeout=240, cwd=Path.cwd())


def test_what_was_not_asked_for_is_not_missing() -> None:
    assert not NOT_ASKED.degraded
    assert not NOT_ASKED.complete
    assert RealTime(True, True, True, True).complete


def test_timing_is_told_once_per_second(tmp_path: Path) -> None:
    path = tmp_path / "servo.timing"
    mailbox.create(path, LOOP_TIMING.size)
    teller = TimingTeller(path, RealTime(asked=True, fifo=True, locked=False, pinned=True))
    cycle = Cycle(2 * MS)
    for _ in range(10):
        cycle.late.add(40 * US)
    cycle.cycle, cycle.overruns = 10, 1
    start_ns = now_ns()
    for step_ms in (0, 500, 999, 1000, 1400):
        teller.tell(start_ns + step_ms * MS, cycle)
    item = Mailbox(path, LOOP_TIMING).read()
    assert item is not None
    seq, told = item
    assert (seq, told.stamp_ns) == (2, start_ns + 1000 * MS)
    assert (told.cycles, told.overruns, told.fifo, told.locked) == (10, 1, True, False)
    assert 40.0 <= told.late_p50_us <= told.late_max_us == 40.0
    assert told.busy_p99_us == -1.0, "no cycle has ended yet"
    assert sum(unpacked(told.late_counts)) == 10
    assert teller.collected() == 0 or gc.isenabled()


def test_affinity_of_the_present_processors_is_granted() -> None:
    cpus = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    load = "from transport.local.realtime import go_real_time"
    code = f"{load}; assert go_real_time(1, ({cpus},)).pinned"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=240)


def test_a_cycle_is_moved_and_its_period_changed_while_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [10 * S]
    monkeypatch.setattr("transport.local.loop.now_ns", lambda: clock[0])
    monkeypatch.setattr(
        "transport.local.loop.absolute_sleeper",
        lambda: lambda due_ns: clock.__setitem__(0, max(clock[0], due_ns)),
    )
    cycle = Cycle(10 * MS)
    first = cycle.wait()
    cycle.move(MS)
    assert cycle.wait() - first == 11 * MS
    cycle.move(-2 * MS)
    assert cycle.wait() - first == 19 * MS
    cycle.period_ns = 12 * MS  # counts from the due time after the next
    assert [cycle.wait() - first for _ in range(2)] == [29 * MS, 41 * MS]
    assert cycle.overruns == 0
