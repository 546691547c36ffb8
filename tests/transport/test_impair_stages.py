"""Each stage of the link model alone, and the properties that hold for all of them together."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport.impair import (
    DEAD,
    BlackoutMode,
    DelayTrace,
    Drop,
    ImpairError,
    JitterShape,
    Link,
    LinkProfile,
    Noise,
    Outages,
    ParetoBursts,
    ParetoState,
    Path,
    PathProfile,
    Periodic,
    paths,
)

STEP_NS = 5_000_000
MS = 1_000_000


def fates(profile: LinkProfile, packets: int = 4000, seed: int = 1, size: int = 128) -> Link:
    link = Link(profile, seed)
    for i in range(packets):
        link.send(i * STEP_NS, size)
    return link


def delays_ms(profile: LinkProfile, packets: int = 20_000, seed: int = 1) -> list[float]:
    link = Link(profile, seed)
    out = []
    for i in range(packets):
        out += [(due - i * STEP_NS) / MS for due in link.deliver(i * STEP_NS)]
    return out


def test_periodic_blackouts_drop_exactly_their_windows() -> None:
    link = Link(LinkProfile(delay_ms=1.0, periodic=Periodic(1000.0, 150.0, first_ms=300.0)), 1)
    for i in range(1000):
        at_ms = i * 5
        dark = at_ms >= 300 and (at_ms - 300) % 1000 < 150
        assert (link.send(i * STEP_NS).drop is Drop.BLACKOUT) == dark


def test_a_holding_blackout_loses_nothing_and_releases_at_its_end_in_order() -> None:
    profile = LinkProfile(
        delay_ms=10.0, blackouts_ms=((1000, 1150), (1150, 1200)), blackout_mode=BlackoutMode.HOLD
    )
    link = Link(profile, 1)
    dues = [link.deliver(i * STEP_NS)[0] / MS for i in range(400)]
    assert dues == sorted(dues)
    for i, due_ms in enumerate(dues):
        assert due_ms == pytest.approx(1210.0 if 1000 <= i * 5 < 1200 else i * 5 + 10.0)


def test_random_outages_have_their_share_and_hit_both_directions_together() -> None:
    profile = LinkProfile(outages=Outages(100.0, 900.0, 1500.0))
    path = Path(PathProfile(profile, profile), 5)
    up, down = (
        [link.send(i * STEP_NS).drop for i in range(100_000)] for link in (path.up, path.down)
    )
    assert up == down
    assert path.up.dropped / path.up.sent == pytest.approx(500 / 2000, abs=0.04)
    other = Path(PathProfile(profile, profile), 6)
    assert [other.up.send(i * STEP_NS).drop for i in range(100_000)] != up


def test_a_bottleneck_delays_by_the_queue_and_drops_what_does_not_fit() -> None:
    # 8 kbit/s is 1 byte per ms; the queue holds 300 bytes.
    link = Link(LinkProfile(delay_ms=0.0, rate_kbps=((0.0, 8.0),), queue_bytes=300), 1)
    dues = [link.send(0, 100).due_ns for _ in range(5)]
    assert [due[0] / MS if due else None for due in dues] == [100.0, 200.0, 300.0, None, None]
    assert link.drops == {Drop.QUEUE: 2}
    assert link.send(250 * MS, 100).due_ns == (400 * MS,), "the line has carried 250 bytes by then"


def test_a_packet_that_waits_across_a_rate_step_is_served_at_both_rates() -> None:
    steps = ((0.0, 8.0), (100.0, 16.0))
    link = Link(LinkProfile(delay_ms=0.0, rate_kbps=steps, queue_bytes=10_000), 1)
    assert link.send(0, 150).due_ns == (125 * MS,), "100 bytes in 100 ms, 50 more in 25"


def test_a_delay_course_steps_and_ramps() -> None:
    course = ((1000.0, 0.0), (1000.0, 20.0), (2000.0, 20.0), (3000.0, 50.0))
    link = Link(LinkProfile(delay_ms=5.0, course_ms=course), 1)
    expected = {0: 5.0, 999: 5.0, 1000: 25.0, 1999: 25.0, 2500: 40.0, 3000: 55.0, 9000: 55.0}
    for at_ms, delay_ms in expected.items():
        assert link.deliver(at_ms * MS)[0] / MS - at_ms == pytest.approx(delay_ms)


def test_a_trace_holds_its_rows_loses_where_it_says_and_begins_again() -> None:
    trace = DelayTrace((0.0, 20.0, 40.0), (10.0, math.inf, 12.0), 60.0)
    link = Link(LinkProfile(delay_ms=1.0, trace=trace), 1)
    seen = [link.send(at_ms * MS) for at_ms in (0, 19, 20, 39, 40, 59, 60, 80)]
    delay_ms = [fate.due_ns[0] / MS if fate.due_ns else None for fate in seen]
    assert delay_ms == [11.0, 30.0, None, None, 53.0, 72.0, 72.0, None]
    assert link.drops == {Drop.TRACE: 3}


def test_held_followers_of_a_sawtooth_arrive_together() -> None:
    trace = DelayTrace((0.0, 16.0, 32.0, 48.0), (100.0, 84.0, 68.0, 10.0), 1000.0)
    link = Link(LinkProfile(delay_ms=0.0, trace=trace), 1)
    assert [link.deliver(at * MS)[0] for at in (0, 16, 20, 32, 48)] == [
        100 * MS, 100 * MS, 104 * MS, 104 * MS, 104 * MS,
    ]  # fmt: skip


def test_half_normal_jitter_has_the_given_deviation() -> None:
    profile = LinkProfile(delay_ms=0.0, jitter_ms=3.0, jitter_shape=JitterShape.HALF_NORMAL,
                          in_order=False)  # fmt: skip
    values = delays_ms(profile)
    assert sum(values) / len(values) == pytest.approx(3.0 * math.sqrt(2 / math.pi), abs=0.05)
    assert math.sqrt(sum(v * v for v in values) / len(values)) == pytest.approx(3.0, abs=0.05)


def test_a_mixture_has_its_mean_and_may_overtake_only_where_allowed() -> None:
    mixture = ((0.9, 20.0), (0.1, 100.0))
    free = LinkProfile(delay_ms=5.0, mixture_ms=mixture, in_order=False)
    values = delays_ms(free)
    assert sum(values) / len(values) == pytest.approx(33.0, abs=1.0)
    link = Link(free, 1)
    dues = [link.deliver(i * STEP_NS)[0] for i in range(1000)]
    assert dues != sorted(dues)


def test_pareto_bursts_lose_their_share_and_always_let_one_through_between() -> None:
    heavy = ParetoBursts(ParetoState(0.05, 3.859, 3.324), ParetoState(0.10, 3.797, 6.049))
    link = fates(LinkProfile(pareto=heavy), 100_000)
    assert link.dropped / link.sent == pytest.approx(0.50, abs=0.02), "NetFI level 3"


def test_reordered_packets_arrive_later_by_their_time_and_others_do_not_wait() -> None:
    link = Link(LinkProfile(delay_ms=10.0, reorder=0.1, reorder_ms=12.0), 3)
    dues = [link.deliver(i * STEP_NS)[0] / MS - i * 5 for i in range(5000)]
    late = [due for due in dues if due == pytest.approx(22.0)]
    assert len(late) / len(dues) == pytest.approx(0.1, abs=0.02)
    assert all(due == pytest.approx(10.0) or due == pytest.approx(22.0) for due in dues)


def test_corrupted_packets_carry_a_flip_and_count_as_missing_where_there_are_no_bytes() -> None:
    profile = LinkProfile(corrupt=0.2)
    link, same = Link(profile, 3), Link(profile, 3)
    for i in range(2000):
        fate = link.send(i * STEP_NS)
        assert fate.due_ns
        assert bool(same.deliver(i * STEP_NS)) == (fate.flip is None)
        assert fate.flip is None or 0.0 <= fate.flip < 1.0


def test_a_dead_direction_leaves_the_other_alone_and_a_cut_can_be_healed() -> None:
    path = Path(PathProfile(LinkProfile(), DEAD), 1)
    assert path.up.deliver(0)
    assert not path.down.deliver(0)
    path.cut(down=False)
    assert not path.up.deliver(1)
    path.cut(up=False, down=False)
    assert path.up.deliver(2)


def test_links_of_one_seed_are_independent_and_repeatable() -> None:
    profile = PathProfile(LinkProfile(loss=0.3), LinkProfile(loss=0.3))

    def pattern(seed: int) -> list[list[bool]]:
        made = paths((profile, profile), seed)
        links = [link for path in made for link in (path.up, path.down)]
        return [[bool(link.deliver(i)) for i in range(3000)] for link in links]

    rows = pattern(1)
    assert rows == pattern(1)
    for i, a in enumerate(rows):
        for b in rows[:i]:
            both = sum(not x and not y for x, y in zip(a, b, strict=True)) / 3000
            assert both == pytest.approx(0.09, abs=0.03)


def test_streams_of_neighbouring_seeds_are_no_shifted_copies() -> None:
    rows = [[Noise.stream(seed, i).bits() for _ in range(50)] for seed in range(20) for i in (0, 1)]
    firsts = {row[0] for row in rows}
    assert len(firsts) == len(rows)
    draws = [[noise.bits() for _ in range(50)]
             for noise in (Noise.stream(s, i) for s in range(20) for i in range(8))]  # fmt: skip
    flat = [value for row in draws for value in row]
    assert len(set(flat)) == len(flat)


profiles = st.builds(
    LinkProfile,
    delay_ms=st.floats(0, 500),
    jitter_ms=st.floats(0, 50),
    loss=st.floats(0, 1),
    burst=st.floats(1, 20),
    duplicate=st.floats(0, 1),
    jitter_shape=st.sampled_from(JitterShape),
    blackout_mode=st.sampled_from(BlackoutMode),
    periodic=st.none() | st.just(Periodic(200.0, 30.0, 10.0)),
    outages=st.none() | st.just(Outages(0.0, 50.0, 100.0)),
    rate_kbps=st.just(()) | st.tuples(st.tuples(st.just(0.0), st.floats(10, 1e6))),
    queue_bytes=st.integers(1, 100_000),
    course_ms=st.just(()) | st.just(((0.0, 0.0), (50.0, 30.0), (90.0, 0.0))),
    reorder=st.floats(0, 1),
    reorder_ms=st.floats(0, 20),
    corrupt=st.floats(0, 1),
    in_order=st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(profiles, st.integers(0, 2**64 - 1), st.lists(st.integers(0, 20 * MS), max_size=60))
def test_no_profile_delivers_before_sending_or_forgets_a_packet(
    profile: LinkProfile, seed: int, gaps: list[int]
) -> None:
    link, again = Link(profile, seed, 7), Link(profile, seed, 7)
    now_ns, lost = 7, 0
    for gap in gaps:
        now_ns += gap
        fate = link.send(now_ns, 300)
        assert fate == again.send(now_ns, 300)
        assert all(due >= now_ns + profile.delay_ms * 1e6 - 1 for due in fate.due_ns)
        assert bool(fate.due_ns) == (fate.drop is None)
        lost += fate.drop is not None
    assert (link.sent, link.dropped) == (len(gaps), lost)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.floats(1, 20), st.integers(0, 2**32), st.lists(st.integers(0, 50)))
def test_losses_depend_on_the_packet_index_alone(
    loss: float, burst: float, seed: int, gaps: list[int]
) -> None:
    plain = Link(LinkProfile(loss=loss, burst=burst), seed)
    busy = Link(
        LinkProfile(loss=loss, burst=burst, jitter_ms=5, duplicate=0.5, reorder=0.2, corrupt=0.2,
                    rate_kbps=((0.0, 100.0),), queue_bytes=10**9), seed)  # fmt: skip
    now_ns = 0
    for gap in gaps:
        now_ns += gap * MS
        assert (plain.send(0).drop is None) == (busy.send(now_ns, 200).drop is None)


BAD: list[dict[str, object]] = [
    {"reorder": 1.1},
    {"corrupt": float("nan")},
    {"reorder_ms": -1.0},
    {"mixture_ms": ((0.5, 10.0),)},
    {"mixture_ms": ((1.0, 0.0),)},
    {"rate_kbps": ((1.0, 100.0),)},
    {"rate_kbps": ((0.0, 100.0), (0.0, 50.0))},
    {"rate_kbps": ((0.0, 0.0),)},
    {"queue_bytes": 0},
    {"course_ms": ((5.0, 0.0), (4.0, 0.0))},
    {"course_ms": ((0.0, -1.0),)},
    {"course_ms": ((float("nan"), 1.0),)},
]


@pytest.mark.parametrize("bad", BAD)
def test_impossible_profiles_are_refused_by_name(bad: dict[str, object]) -> None:
    with pytest.raises(ImpairError, match=next(iter(bad))):
        LinkProfile(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Periodic(100.0, 100.0),
        lambda: Periodic(100.0, 10.0, -1.0),
        lambda: Outages(5.0, 1.0, 10.0),
        lambda: Outages(0.0, 1.0, 0.0),
        lambda: ParetoState(1.5, 1.0, 1.0),
        lambda: ParetoState(0.5, 0.0, 1.0),
        lambda: DelayTrace((), (), 1.0),
        lambda: DelayTrace((1.0,), (1.0,), 2.0),
        lambda: DelayTrace((0.0, 0.0), (1.0, 1.0), 2.0),
        lambda: DelayTrace((0.0,), (1.0, 1.0), 2.0),
        lambda: DelayTrace((0.0,), (-1.0,), 2.0),
        lambda: DelayTrace((0.0,), (float("nan"),), 2.0),
        lambda: DelayTrace((0.0, 5.0), (1.0, 1.0), 5.0),
    ],
)
def test_impossible_stages_are_refused(make: object) -> None:
    with pytest.raises(ImpairError):
        make()  # type: ignore[operator]
