"""Two faults at once are two faults: the second one never mends what the first one broke."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from bench.branch import branch
from bench.faults.act import Inject, outage, profile
from bench.faults.clock import StrangeClock
from bench.faults.judge import pair_problems
from bench.faults.model import Outcome
from bench.faults.run import run_pair
from bench.faults.table import TABLE
from bench.faults.watch import Watch
from bench.faults.worlds import scanning
from bench.latency.uplink import BLANK
from bench.world import World
from transport.impair import Link

NAMED = {fault.name: fault for fault in TABLE}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def cuts(world: World) -> tuple[bool, bool, bool]:
    return world.up.cut, world.down.cut, world.video.cut


@pytest.mark.parametrize("other", [outage(10.0), profile(jitter_ms=2.0), outage(10.0, up=False)])
def test_a_cut_outlives_another_fault_of_the_link(world: World, other: Inject) -> None:
    world.cut_link()
    other(world)
    world.run_for(0.05)
    assert cuts(world) == (True, True, True)
    world.heal_link()
    assert cuts(world) == (False, False, False)


def test_a_cut_of_one_way_leaves_the_others_as_they_are(world: World) -> None:
    world.cut_link(video=False)
    world.cut_link(up=False, down=False)
    assert cuts(world) == (True, True, True)
    world.heal_link(up=False, down=False)
    assert cuts(world) == (True, True, False)


def test_healing_what_is_whole_does_not_mend_the_next_cut(world: World) -> None:
    world.heal_link()
    world.cut_link()
    assert cuts(world) == (True, True, True)


def test_the_worse_figure_of_two_profiles_counts(world: World) -> None:
    profile(delay_ms=203.0)(world)
    profile(delay_ms=8.0, loss=0.01)(world)
    assert isinstance(world.up, Link)
    assert (world.up.profile.delay_ms, world.up.profile.loss) == (203.0, 0.01)


def test_the_console_sends_what_both_faults_changed(world: World) -> None:
    for name in ("pedal bounces", "hand drops by 80 mm"):
        NAMED[name].inject(world)
    world.clock.run_to(world.clock.now_ns + 50_000_000)
    sent = world.page.alter(BLANK)
    assert sent.deadman_edges > 0
    assert sent.hand_p_m[0] > 0.03


def test_a_clock_that_jumped_does_not_jump_back(world: World) -> None:
    for name in ("console clock jumps by an hour", "console clock +500 ppm"):
        NAMED[name].inject(world)
    page = world.page
    assert isinstance(page, StrangeClock)
    page.console.heartbeat(1, 2, 3)
    page.rendered(77, world.clock.now_ns)
    assert page.sample(world.clock.now_ns + 3_000_000) is not None
    sent = page._sampled
    assert sent is not None
    assert (sent.haptic_echo_us, sent.haptic_dwell_us) == (77, 3_001), "its own clock, both times"
    later_ns = world.clock.now_ns + 1_000_000_000
    assert page.theirs(later_ns) - later_ns == 3_600_000_000_000 + 500_000


@pytest.fixture(scope="module")
def begun() -> Iterator[tuple[World, Watch]]:
    world, watch = scanning(1, 500, [])
    yield world, watch
    world.close()


def pair(
    begun: tuple[World, Watch], first: str, second: str, gap_s: float
) -> tuple[Outcome, list[str]]:
    """What two faults led to, and what is wrong with it."""
    world, watch = begun
    one, two = NAMED[first], NAMED[second]
    outcome = branch(world, lambda copy: run_pair(copy, watch, one, two, gap_s))
    return outcome, pair_problems(outcome, one, two, 2.0)


@pytest.mark.parametrize(
    ("first", "second", "gap_s"),
    [("encoders frozen", "bedside stop, key", 0.0132),
     ("consent withdrawn", "brakes fail at an emergency stop", 0.0735)],
)  # fmt: skip
def test_an_arm_that_was_slowed_by_a_stop_does_not_creep_on(
    first: str, second: str, gap_s: float, begun: tuple[World, Watch]
) -> None:
    outcome, wrong = pair(begun, first, second, gap_s)
    assert wrong == []
    assert outcome.end_mm_s < 1.0
    assert "FAULT" in outcome.seen


@pytest.mark.parametrize("harmless", ["jitter 2 ms", "link gone for 20 ms", "random loss 1 %"])
def test_a_harmless_fault_does_not_hide_a_cut_video(
    harmless: str, begun: tuple[World, Watch]
) -> None:
    assert pair(begun, "video cut", harmless, 0.005)[1] == []


STOPPED_FIRST = Outcome(
    "wrong picture", "HOLD", "FRAME_ID_INVALID", 22.0, 900.0, -1.0, 0.84, 5.0,
    second="servo keeps sending after a release", gap_ms=30.0, second_detect_ms=-1.0,
    second_speed_mm_s=17.0, end_mm_s=0.6,
)  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "wrong"),
    [
        (STOPPED_FIRST, False),
        (replace(STOPPED_FIRST, end_mm_s=10.0, stop_distance_mm=2.5), False),
        (replace(STOPPED_FIRST, end_mm_s=10.1), True),
        (replace(STOPPED_FIRST, stop_distance_mm=2.6), True),
        (replace(STOPPED_FIRST, second_detect_ms=200.0), True),
    ],
)
def test_a_servo_that_goes_on_after_a_stop_counts_from_what_is_a_slide(
    outcome: Outcome, wrong: bool
) -> None:
    one, two = NAMED["wrong picture"], NAMED["servo keeps sending after a release"]
    assert bool(pair_problems(outcome, one, two, 2.0)) == wrong


HELD_UP = Outcome(
    "force sensor: says invalid", "FAULT", "FORCE_SENSOR_INVALID", 6.45, 18.0, -1.0, 0.2, 5.0,
    second="arm stalls for 5 ms", gap_ms=0.2, still=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("second", "detect_ms", "wrong"),
    [
        ("arm stalls for 5 ms", 11.0, False),
        ("arm stalls for 5 ms", 11.1, True),
        ("servo stalls for 5 ms", 6.0, False),
        ("servo stalls for 5 ms", 6.1, True),
    ],
)
def test_an_arm_box_that_pauses_tells_so_much_later(
    second: str, detect_ms: float, wrong: bool
) -> None:
    one, two = NAMED["force sensor: says invalid"], NAMED[second]
    outcome = replace(HELD_UP, second=second, detect_ms=detect_ms)
    assert bool(pair_problems(outcome, one, two, 2.0)) == wrong


@pytest.mark.parametrize(
    ("first", "second", "gap_s"),
    [("encoders frozen", "servo keeps sending after a release", 0.029),
     ("servo runs away, 0.5 rad/s", "encoders frozen", 0.010),
     ("arm loses power", "arm box stalls for 100 ms", 0.0)],
)  # fmt: skip
def test_nobody_is_asked_to_see_what_the_other_fault_hides(
    first: str, second: str, gap_s: float, begun: tuple[World, Watch]
) -> None:
    outcome, wrong = pair(begun, first, second, gap_s)
    assert wrong == []
    assert outcome.still
