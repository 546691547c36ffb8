"""Profiles, measured traces and the generator that stands in for them."""

from __future__ import annotations

import itertools
import math
import os
import random
from pathlib import Path

import pytest

from bench.links import netfi
from bench.links.generator import BANDS, generate
from bench.links.profiles import (
    LADDER_RTT_MS,
    TRACES,
    ProfileError,
    TraceOptions,
    names,
    scenario,
)
from bench.links.traces import (
    SAWTOOTH_MS,
    Row,
    Stream,
    TraceError,
    View,
    datagram_view,
    read_run,
    read_urban,
)
from bench.links.windows import episodes, with_interruptions
from transport.impair import Link, LinkProfile, paths

ROOT = Path(__file__).parent.parent.parent
SHARED = Path(os.environ.get("TELEOP_TEST_DATA", ROOT / "../shared/data")) / "network_traces"
FOLDER = Path(os.environ.get("TELEOP_TRACES", SHARED))
STEP_NS = 5_000_000


@pytest.fixture
def folder() -> Path:
    if not (FOLDER / "urban_n78_run1.csv").exists():
        pytest.skip(f"{FOLDER} has no traces: recorded data is not part of the project")
    return FOLDER


@pytest.fixture(autouse=True)
def _no_traces_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELEOP_TRACES", raising=False)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def share_above(values: list[float], limit: float) -> float:
    return 100.0 * sum(value > limit for value in values) / len(values)


FREE = [name for name in names() if not any(row.name == name and row.file for row in TRACES)]


@pytest.mark.parametrize("name", FREE)
def test_every_profile_works_without_data_and_repeats_by_seed(name: str) -> None:
    made = scenario(name)
    assert made.what
    assert made.source

    def run(seed: int) -> list[list[tuple[int, ...]]]:
        return [
            [link.send(i * STEP_NS, 300).due_ns for i in range(400)]
            for path in paths(made.links, seed)
            for link in (path.up, path.down)
        ]

    assert run(3) == run(3)


def test_names_are_unique_and_an_unknown_one_is_answered_with_the_list() -> None:
    assert len(set(names())) == len(names())
    with pytest.raises(ProfileError, match="n78-datagram"):
        scenario("n79")


def test_recordings_without_a_stand_in_ask_for_their_folder() -> None:
    with pytest.raises(ProfileError, match="TELEOP_TRACES"):
        scenario("n8-rural")


def test_the_delay_ladder_is_a_round_trip() -> None:
    for rtt_ms in LADDER_RTT_MS:
        path = paths(scenario(f"delay-{rtt_ms}").links, 1)[0]
        assert path.up.deliver(0)[0] + path.down.deliver(0)[0] == rtt_ms * 1_000_000


def test_the_two_handover_links_are_never_dark_together() -> None:
    first, second = (path.up for path in paths(scenario("handover+handover").links, 1))
    dark = [
        [link.send(i * STEP_NS).drop == "blackout" for i in range(20_000)]
        for link in (first, second)
    ]
    assert sum(dark[0]) == pytest.approx(20_000 * 0.03 * 0.95, rel=0.1)
    assert not any(a and b for a, b in zip(*dark, strict=True))


@pytest.mark.parametrize(("level", "share"), [(1, 0.095), (2, 0.30), (3, 0.50)])
def test_netfi_levels_lose_and_delay_as_published(level: int, share: float) -> None:
    lossy = Link(netfi.loss(level).up, 1)
    for i in range(60_000):
        lossy.deliver(i)
    assert lossy.dropped / lossy.sent == pytest.approx(share, abs=0.02)
    slow = Link(netfi.delay(level).up, 1)
    delays_ms = [(slow.deliver(i * STEP_NS)[0] - i * STEP_NS) / 1e6 for i in range(20_000)]
    assert sum(delays_ms) / len(delays_ms) == pytest.approx((100, 299, 500)[level - 1], rel=0.02)


# The recordings.


def test_the_recipe_gives_the_check_figures_of_the_data(folder: Path) -> None:
    """Figures of the folder's README; 191 and 204 ms at p99.9 depend on single rows."""
    urban = read_urban(folder, View.RECORDED)
    n78, n8 = urban["n78"].sample(), urban["n8"].sample()
    assert len(n78) == len(n8) == 46_367
    expected = {
        "n78": (n78, (17, 27, 33, 191, 282), 0.33, 0.22),
        "n8": (n8, (25, 40, 55, 204, 282), 1.18, 0.33),
        "first": ([min(a, b) for a, b in zip(n78, n8, strict=True)], (17, 25, 30, 34, 47), 0, 0),
    }
    for values, (p50, p95, p99, p999, highest), above_50, above_100 in expected.values():
        assert [percentile(values, q) for q in (0.5, 0.95, 0.99)] == [p50, p95, p99]
        assert percentile(values, 0.999) == pytest.approx(p999, abs=2)
        assert max(values) == highest
        assert share_above(values, 50) == pytest.approx(above_50, abs=0.005)
        assert share_above(values, 100) == pytest.approx(above_100, abs=0.007)


def test_the_datagram_view_turns_sawteeth_into_single_losses(folder: Path) -> None:
    recorded, datagram = (read_urban(folder, view)["n78"] for view in View)
    late = [row for row in datagram.rows if SAWTOOTH_MS < row.rtt_ms < math.inf]
    assert not late
    assert 6 <= sum(math.isinf(row.rtt_ms) for row in datagram.rows) <= 9
    assert len(recorded.rows) == len(datagram.rows)
    assert share_above([v for v in datagram.sample() if v < math.inf], 100) < 0.02


def test_windows_hold_every_interruption_and_name_what_cannot_be_saved(folder: Path) -> None:
    urban = read_urban(folder, View.RECORDED)
    one = with_interruptions([urban["n78"]], 28_000.0)
    starts = episodes(urban["n78"].sample(), 100.0)
    assert sum(window.interruptions for window in one) == len(starts)
    assert max(window.late for window in one) == pytest.approx(0.0118, abs=0.0005)
    both = with_interruptions([urban["n78"], urban["n8"]], 28_000.0)
    assert all(window.late == 0.0 for window in both)
    window = one[0]
    part = scenario("n78", TraceOptions(folder, window.start_ms, window.length_ms))
    assert "measured, recorded view, 54.38 s to 82.38 s" in part.data
    link = Link(part.links[0].up, 1)
    delays = [link.deliver(i * STEP_NS, 100) for i in range(5600)]
    late = sum(not d or d[0] - i * STEP_NS > 50_000_000 for i, d in enumerate(delays))
    assert 40 <= late <= 90, "half of 230 to 282 ms, twice, and 0.1 % loss"


@pytest.mark.parametrize("name", ["n78-80kmh", "n8-rural"])
def test_single_recordings_replay(folder: Path, name: str) -> None:
    made = scenario(name, TraceOptions(folder))
    link = Link(made.links[0].up, 1)
    assert sum(bool(link.deliver(i * STEP_NS)) for i in range(2000)) > 1900


# The generator.


@pytest.mark.parametrize("seed", [1, 2])
def test_generated_streams_have_the_statistics_of_the_measured_ones(seed: int) -> None:
    n78, n8 = generate("n78", seed).sample(), generate("n8", seed + 50).sample()
    assert len(n78) == 46_367
    for values, (p50, p95, p99, p999), above_50, above_100 in (
        (n78, (17, 27, 33, 191), 0.33, 0.22),
        (n8, (25, 40, 55, 204), 1.18, 0.33),
    ):
        assert percentile(values, 0.5) == pytest.approx(p50, abs=1)
        assert percentile(values, 0.95) == pytest.approx(p95, abs=2)
        assert percentile(values, 0.99) == pytest.approx(p99, rel=0.25)
        assert percentile(values, 0.999) == pytest.approx(p999, rel=0.45)
        assert 229 <= max(values) <= 282
        assert share_above(values, 50) == pytest.approx(above_50, rel=0.5)
        assert share_above(values, 100) == pytest.approx(above_100, rel=0.6)
    first = [min(a, b) for a, b in zip(n78, n8, strict=True)]
    assert [percentile(first, q) for q in (0.5, 0.95)] == [17, 25]


def test_generated_interruptions_are_sawteeth() -> None:
    stream = generate("n78", 4)
    heads = [i for i, row in enumerate(stream.rows) if row.rtt_ms > SAWTOOTH_MS
             and stream.rows[i - 1].rtt_ms < SAWTOOTH_MS]  # fmt: skip
    assert heads
    for head in heads:
        arrivals = [row.at_ms + row.rtt_ms for row in stream.rows[head : head + 8]]
        assert max(arrivals) - min(arrivals) <= 1.0
    viewed = generate("n78", 4, View.DATAGRAM)
    assert sum(math.isinf(row.rtt_ms) for row in viewed.rows) == len(heads)
    assert len(BANDS) == 2


# Reading what others wrote.


def test_a_pause_becomes_a_send_interval(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("t_s,rtt_ms,segment\n0.000,20,0\n0.016,21,0\n15.376,22,1\n15.392,23,1\n")
    rows = read_run(file)
    assert [row.at_ms for row in rows] == pytest.approx([0.0, 16.0, 32.0, 48.0])
    assert [row.rtt_ms for row in rows] == [20, 21, 22, 23]


def test_followers_get_the_median_of_their_segment() -> None:
    calm = [Row(16.0 * i, 20.0, 0) for i in range(30)]
    held = [Row(480.0 + 16.0 * i, 250.0 - 16.0 * i, 0) for i in range(10)]
    after = [Row(640.0, 120.0, 0), Row(900.0, 21.0, 0)]
    viewed = datagram_view((*calm, *held, *after))
    assert math.isinf(viewed[30].rtt_ms)
    assert {row.rtt_ms for row in viewed[31:40]} == {20.0}
    assert viewed[40].rtt_ms == 120.0, "arrives after the others: late by itself"
    assert viewed[41].rtt_ms == 21.0


def test_a_window_outside_the_trace_is_refused() -> None:
    stream = Stream((Row(0.0, 20.0, 0), Row(16.0, 20.0, 0)), 32.0)
    assert stream.window(10.0, 100.0).span_ms == pytest.approx(22.0)
    for start_ms in (-1.0, 32.0, float("nan")):
        with pytest.raises(TraceError, match="no window"):
            stream.window(start_ms, 10.0)
    with pytest.raises(ProfileError, match="no window"):
        scenario("n78", TraceOptions(start_ms=1e9))


def test_broken_files_are_refused_with_their_name(tmp_path: Path) -> None:
    """1,200 damaged copies of a good file: read, or refused by name; nothing else."""
    good = "t_s,rtt_ms,segment\n" + "".join(f"{i * 0.016:.3f},{20 + i % 5},0\n" for i in range(40))
    dice = random.Random(11)
    file = tmp_path / "broken.csv"
    refusals = []
    for _ in range(1200):
        data = bytearray(good.encode())
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(data))
            match dice.randrange(3):
                case 0:
                    data[at] = dice.randrange(256)
                case 1:
                    del data[at : at + dice.randint(1, 30)]
                case _:
                    data[at:at] = dice.choice([b"nan", b"-5", b"1e999", b"\n", b",", b"\0", b'"'])
        file.write_bytes(data)
        try:
            rows = read_run(file)
        except TraceError as error:
            refusals.append(str(error))
        else:
            assert all(0.0 <= row.rtt_ms < 60_000.0 for row in rows)
            assert all(a.at_ms < b.at_ms for a, b in itertools.pairwise(rows))
    assert len(refusals) > 300
    assert all("broken.csv" in words for words in refusals)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"urban_n78_run1\.csv"):
        scenario("n78", TraceOptions(tmp_path))


def test_an_unlimited_profile_is_transparent() -> None:
    link = Link(LinkProfile(delay_ms=0.0), 1)
    assert all(link.deliver(i * STEP_NS, 1500) == [i * STEP_NS] for i in range(1000))
