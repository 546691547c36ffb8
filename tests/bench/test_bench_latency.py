"""The latency bench's own arithmetic: stamps, pairing, missing pictures, the page's clock."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.kit.model import figure_of
from bench.latency import cases, pixelstamp
from bench.latency.analyse import measured
from bench.latency.bareudp import HEAD, Assembly
from bench.latency.bench import BENCH, AnySpec
from bench.latency.chromium import PageClock, seen_of
from bench.latency.command import CommandLog
from bench.latency.commands import figures as command_figures
from bench.latency.log import Quality, ReceiverLog, Seen, SenderLog, Sent
from bench.latency.observers import Step
from bench.latency.observers import figures as growth_figures
from bench.latency.pictures import index_of, psnr_db, ssim
from bench.latency.pixelstamp import Stamp
from bench.latency.spec import Spec

Luma = NDArray[np.uint8]
SECOND_NS = 1_000_000_000
STAMPS = st.builds(Stamp, st.integers(0, 65535), st.integers(0, 2**48 - 1))


def noise(width: int, height: int, seed: int = 1) -> Luma:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@given(STAMPS, st.sampled_from([(320, 240), (640, 480), (1024, 768)]))
@settings(max_examples=50)
def test_a_stamp_comes_back_through_strong_noise(stamp: Stamp, size: tuple[int, int]) -> None:
    luma = noise(*size)
    pixelstamp.draw(luma, stamp)
    assert pixelstamp.read(luma) == stamp
    blurred = luma.astype(np.int16) + np.random.default_rng(2).integers(-60, 61, luma.shape)
    assert pixelstamp.read(blurred.clip(0, 255).astype(np.uint8)) == stamp


def test_no_stamp_is_read_from_pictures_without_one() -> None:
    """1,000 random pictures of clear black and white blocks: the checksum stops nearly all."""
    random = np.random.default_rng(11)
    read = 0
    for _ in range(1000):
        cells = random.integers(0, 2, (2, 40)).astype(np.uint8) * 219 + 16
        luma = cells.repeat(16, 0).repeat(16, 1)
        read += pixelstamp.read(luma) is not None
    assert read <= 15, "8 bits of checksum let 1 in 256 through"
    assert pixelstamp.read(noise(640, 480)) is None
    assert pixelstamp.read(np.full((480, 640), 126, np.uint8)) is None
    assert pixelstamp.read(noise(640, 16)) is None


def test_the_sequence_has_no_cut() -> None:
    indices = [index_of(n, 48) for n in range(400)]
    assert max(abs(a - b) for a, b in pairwise(indices)) == 1
    assert {0, 47} <= set(indices)


def test_quality_falls_with_noise_and_looks_only_below_the_stamp() -> None:
    source = noise(640, 480)
    stamped = source.copy()
    pixelstamp.draw(stamped, Stamp(1, 2))
    assert psnr_db(source, stamped) > 100.0
    assert ssim(source, stamped) == pytest.approx(1.0)
    worse = (source.astype(np.int16) + 10).clip(0, 255).astype(np.uint8)
    assert 27.0 < psnr_db(source, worse) < 30.0
    assert ssim(source, noise(640, 480, 9)) < 0.2


def stream(seconds: float, delay_ms: float, fps: int = 30) -> tuple[list[Sent], list[Seen]]:
    sent, seen = [], []
    for n in range(round(seconds * fps)):
        at = SECOND_NS + n * SECOND_NS // fps
        rtp = (4_294_960_000 + n * 3000) & 0xFFFFFFFF  # wraps
        sent.append(Sent(rtp, -1, at, at + 100_000, at + 2_100_000, 30_000))
        late = at + round(delay_ms * 1e6)
        seen.append(Seen(rtp, n & 0xFFFF, at // 1000, late - 1_000_000, late - 900_000, late))
    return sent, seen


def value(found: object, name: str) -> float | None:
    figure = figure_of(found, name)  # type: ignore[arg-type]
    assert figure is not None, name
    return figure.value


def judged(sent: list[Sent], seen: list[Seen], quality: list[Quality] | None = None) -> object:
    from bench.kit.model import Case, CaseResult

    found = measured(Spec(), SenderLog(sent), ReceiverLog(seen, quality or []))
    return CaseResult(Case("x", "x"), found)


def test_both_ways_give_the_latency_that_was_put_in() -> None:
    found = judged(*stream(6.0, 12.5))
    for name in ("glass to decoded p50", "glass to decoded by pixels p99"):
        assert value(found, name) == pytest.approx(12.5, abs=0.002)
    assert value(found, "pixels and echo differ max") == pytest.approx(0.0, abs=0.002)
    assert value(found, "encode p50") == pytest.approx(2.0)
    assert value(found, "glass to decoded within 50 ms") == 100.0
    assert value(found, "longest gap") == pytest.approx(1000 / 30, abs=0.1)


def test_pictures_that_never_came_count_as_late() -> None:
    sent, seen = stream(6.0, 12.5)
    found = judged(sent, [one for n, one in enumerate(seen) if not 90 <= n < 102])
    assert value(found, "glass to decoded p99") is None
    assert value(found, "glass to decoded p50") == pytest.approx(12.5, abs=0.01)
    count = figure_of(found, "glass to decoded p50").count  # type: ignore[union-attr, arg-type]
    share = value(found, "glass to decoded within 50 ms")
    assert share == pytest.approx(100.0 * (1.0 - 12 / count))
    assert value(found, "longest gap") == pytest.approx(13000 / 30, abs=0.1)


def test_a_stream_that_stops_is_a_long_gap_and_many_missing() -> None:
    sent, seen = stream(8.0, 10.0)
    found = judged(sent, seen[:120])
    assert (value(found, "longest gap") or 0.0) > 3000.0
    assert (value(found, "frames that never came") or 0.0) > 50.0
    nothing = judged(sent, [])
    assert value(nothing, "frames that never came") == 100.0


def test_clocks_or_tables_that_disagree_are_called_out() -> None:
    sent, seen = stream(6.0, 12.5)
    shifted = [msgspec.structs.replace(one, time_us=one.time_us - 5000) for one in seen]
    found = judged(sent, shifted)
    assert value(found, "pixels and echo differ max") == pytest.approx(5.0, abs=0.01)
    assert any("do not use these figures" in n for n in found.measured.notes)  # type: ignore[attr-defined]


def test_a_duplicate_arrival_counts_once_and_first() -> None:
    sent, seen = stream(6.0, 12.5)
    again = [msgspec.structs.replace(one, decoded_ns=one.decoded_ns + 40_000_000) for one in seen]
    both = sorted(seen + again, key=lambda one: one.decoded_ns)
    assert value(judged(sent, both), "glass to decoded max") == pytest.approx(12.5, abs=0.01)


def test_page_times_are_put_on_our_clock_and_merged_by_media_time() -> None:
    clock = PageClock(7 * SECOND_NS, 0.2)
    raw = {
        "decoded": [[1000, -1, 5, 6_900_000, 10.0], [34333, -1, 6, 6_933_000, 44.0]],
        "presented": [[34334, 123456, 52.5, 60.0, 2]],
    }
    first, second = seen_of(raw, clock)
    assert (first.rtp, first.presented_ns) == (-1, 0)
    assert first.decoded_ns == 7 * SECOND_NS + 10_000_000
    assert (second.rtp, second.presented_ns) == (123456, 7 * SECOND_NS + 52_500_000)


def test_commands_count_once_and_lost_ones_are_late() -> None:
    arrivals = []
    for n in range(1000):
        at = SECOND_NS + n * 5_000_000
        if n % 10:
            arrivals += [(n, at, at + 200_000), (n, at, at + 9_000_000)]
    found = command_figures(CommandLog(arrivals), CommandLog([], 1000), 3.0)
    by_name = {f.name: f for f in found.figures}
    assert by_name["command one way p50"].value == pytest.approx(0.2)
    assert by_name["command one way p95"].value is None
    assert by_name["delivered command one way p99.9"].value == pytest.approx(0.2)
    assert by_name["commands that never came"].value == pytest.approx(10.0, abs=0.3)
    assert command_figures(CommandLog(), CommandLog([], 5), 0.0).notes


def test_growth_is_the_slope() -> None:
    found = growth_figures([Step(n, 20.0 + 3.0 * n, 30.0, 4000.0) for n in (1, 2, 4, 8)], 10)
    by_name = {f.name: f.value for f in found.figures}
    assert by_name["CPU per extra viewer"] == pytest.approx(3.0)


def test_bare_datagrams_are_put_together_in_any_order() -> None:
    assembly = Assembly()
    parts = [HEAD.pack(9, i, 3) + bytes([i]) for i in range(3)]
    assert assembly.add(parts[2]) is None
    assert assembly.add(parts[0]) is None
    assert assembly.add(parts[1]) == bytes([0, 1, 2])
    assert assembly.add(HEAD.pack(10, 0, 2) + b"x") is None
    assert assembly.add(HEAD.pack(11, 0, 1) + b"y") == b"y"


def test_every_target_names_a_case_of_the_plan_and_every_case_can_be_run() -> None:
    plan = cases.plan(cases.Wanted())
    keys = {case.key for case in plan}
    assert len(keys) == len(plan)
    assert {t.case for t in BENCH.targets} <= keys
    for case in (*plan, *cases.plan(cases.Wanted(quick=True))):
        msgspec.json.decode(case.config, type=AnySpec)
    assert sum(case.expected_s for case in cases.plan(cases.Wanted(quick=True))) < 55.0
    assert sum(case.expected_s for case in plan) < 15 * 60


def test_a_picture_that_a_newer_one_replaced_counts_as_presented_then() -> None:
    sent, seen = stream(6.0, 10.0)
    shown = [
        msgspec.structs.replace(one, presented_ns=one.decoded_ns + 5_000_000 if n % 3 else 0)
        for n, one in enumerate(seen)
    ]
    found = judged(sent, shown)
    assert value(found, "glass to presented p50") == pytest.approx(15.0, abs=0.01)
    assert value(found, "glass to presented max") == pytest.approx(15.0 + 1000 / 30, abs=0.01)
    replaced = value(found, "frames replaced by newer ones on the screen")
    assert replaced == pytest.approx(100 / 3, abs=1.0)
    never = [msgspec.structs.replace(one, presented_ns=0) for one in seen[90:]]
    assert value(judged(sent, shown[:90] + never), "glass to presented p99") is None
