"""Quality steps before latency does, on a virtual clock; when to send everything twice."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import pytest

from transport.bandwidth import DelayTrend
from transport.impair import BlackoutMode, LinkProfile, Periodic
from transport.impair.link import Link
from transport.ladder import CLEAN_NS, LAST_WITH_COPIES, SEVERE, Ladder, Rung, agreed, rungs
from transport.narrow import DOUBT_MS, FRESH_NS, OFTEN_NS, QUEUE_MS, TOO_MUCH_LOSS, Sign
from transport.redundancy import FAR_MS, HOLD_MOST_NS, HOLD_NS, Duplicates, Redundancy

S = 1_000_000_000
MS = 1_000_000
STEPS = rungs(640, 480, 30.0, 8000)


@dataclass
class Stream:
    """Pictures through a link that has its own rate; the viewer reports as ours does."""

    profile: LinkProfile
    ladder: Ladder | None
    delays_ms: list[tuple[float, float]] = field(default_factory=list)
    """(time s, delay ms); what never came has 1e9."""
    rungs_used: list[tuple[float, int]] = field(default_factory=list)

    def run(self, seconds: float) -> Stream:
        link, trend = Link(self.profile, 1), DelayTrend()
        signs: list[tuple[int, float]] = []
        sent_kbps, due_report = 0.0, S
        lost = total = queue_ns = 0
        for number in range(round(seconds * 30)):
            now = number * S // 30
            rung = STEPS[self.ladder.tick(now) if self.ladder else 0]
            sent_kbps += (rung.bitrate_kbps - sent_kbps) / 15
            while signs and signs[0][0] <= now:
                _, estimate = heapq.heappop(signs)
                assert self.ladder is not None
                self.ladder.reported(Sign(estimate_kbps=estimate), sent_kbps, now)
            size = round(rung.bitrate_kbps * 1000 / 30 / 8)
            arrivals = [link.deliver(now, min(1200, size - at)) for at in range(0, size, 1200)]
            total += len(arrivals)
            lost += sum(not a for a in arrivals)
            came = [due for a in arrivals for due in a]
            for due in came:
                trend.packet(1200, number * 3000 & 0xFFFFFFFF, due)
            if came:
                done = max(came)
                if all(arrivals):
                    trend.frame(number * 3000 & 0xFFFFFFFF, done)
                queue_ns = trend.queue_ns
                estimate_kbps = trend.estimate_kbps(done)
                if estimate_kbps is not None and self.ladder is not None:
                    heapq.heappush(signs, (done + 10 * MS, estimate_kbps))
            delay_ms = (done - now) / MS if all(arrivals) else 1e9
            self.delays_ms.append((now / S, delay_ms))
            self.rungs_used.append((now / S, self.ladder.at if self.ladder else 0))
            if self.ladder is not None and number % 7 == 0:
                self.ladder.reported(Sign(round_trip_ms=20.0 + queue_ns / MS), sent_kbps, now)
            if self.ladder is not None and now >= due_report:
                due_report += S
                self.ladder.reported(Sign(lost / total), sent_kbps, now)
                lost = total = 0
        return self

    def in_time(self, since_s: float, until_s: float, most_ms: float = 60.0) -> float:
        chosen = [d for t, d in self.delays_ms if since_s <= t < until_s]
        return sum(d <= most_ms for d in chosen) / len(chosen)

    def rung_at(self, time_s: float) -> int:
        return [rung for t, rung in self.rungs_used if t <= time_s][-1]


def _profile(*steps: tuple[float, float]) -> LinkProfile:
    return LinkProfile(
        delay_ms=10.0, rate_kbps=tuple((at * 1000.0, kbps) for at, kbps in steps),
        queue_bytes=500_000,
    )  # fmt: skip


def test_a_link_that_narrows_costs_quality_and_not_time() -> None:
    profile = _profile((0.0, 20_000.0), (10.0, 3_500.0))
    with_ladder = Stream(profile, Ladder(STEPS, 0)).run(40)
    without = Stream(profile, None).run(40)
    assert with_ladder.in_time(0, 10) == 1.0
    assert with_ladder.rung_at(9.9) == 0
    assert with_ladder.rung_at(12) >= 3, "2,800 kbit/s or less"
    assert with_ladder.in_time(12.5, 40) > 0.93, "the rest are two tries for more"
    assert without.in_time(12.5, 40) < 0.01, "the same pictures would queue"


@pytest.mark.parametrize("blackout_ms", [150.0, 280.0])
def test_what_a_handover_held_back_is_no_narrow_link(blackout_ms: float) -> None:
    profile = LinkProfile(
        delay_ms=10.0, rate_kbps=((0.0, 20_000.0),), queue_bytes=500_000,
        periodic=Periodic(5_000.0, blackout_ms, first_ms=5_000.0), blackout_mode=BlackoutMode.HOLD,
    )  # fmt: skip
    stream = Stream(profile, Ladder(STEPS, 0)).run(40)
    assert max(delay for _, delay in stream.delays_ms) > blackout_ms, "it is felt"
    assert {rung for _, rung in stream.rungs_used} == {0}


def test_quality_comes_back_when_the_link_does() -> None:
    profile = _profile((0.0, 2_500.0), (20.0, 30_000.0))
    stream = Stream(profile, Ladder(STEPS, 0)).run(90)
    assert stream.rung_at(5) >= 4
    assert stream.rung_at(89) == 0
    assert stream.in_time(25, 90) == 1.0


def test_trying_more_gets_rarer_on_a_link_that_stays_narrow() -> None:
    stream = Stream(_profile((0.0, 3_500.0)), Ladder(STEPS, 0)).run(240)
    climbs = [
        t
        for (t, now), (_, before) in zip(stream.rungs_used[1:], stream.rungs_used[:-1], strict=True)
        if now < before
    ]
    assert sum(t >= 120 for t in climbs) <= 4
    assert stream.in_time(120, 240) > 0.98


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.05])
def test_loss_without_delay_keeps_the_quality(loss: float) -> None:
    ladder = Ladder(STEPS, 0)
    for second in range(60):
        ladder.reported(Sign(loss=loss, round_trip_ms=20.0), 7000.0, second * S)
        assert ladder.tick(second * S) == 0


def test_heavy_loss_and_a_standing_queue_each_step_down() -> None:
    lossy, queued = Ladder(STEPS, 0), Ladder(STEPS, 0)
    assert not lossy.reported(Sign(loss=0.2), 8000.0, S), "a handover of 150 ms does as much"
    assert not lossy.reported(Sign(loss=0.09), 8000.0, 2 * S)
    assert not lossy.reported(Sign(loss=0.2), 8000.0, 3 * S)
    assert lossy.at == 0
    assert lossy.reported(Sign(loss=TOO_MUCH_LOSS), 8000.0, 4 * S)
    assert lossy.at > 0
    assert not queued.reported(Sign(round_trip_ms=20.0), 8000.0, S)
    assert not queued.reported(Sign(round_trip_ms=90.0), 8000.0, 2 * S), "one may be chance"
    assert queued.reported(Sign(round_trip_ms=90.0), 8000.0, 3 * S)
    assert queued.at > 0


def test_a_low_estimate_that_stays_is_no_new_trouble() -> None:
    ladder = Ladder(STEPS, 0)
    assert ladder.reported(Sign(estimate_kbps=3000.0), 8000.0, S)
    fallen = ladder.at
    for tenth in range(1, 60):
        assert not ladder.reported(Sign(estimate_kbps=3000.0), 3500.0, S + tenth * 100 * MS)
    assert ladder.tick(7 * S) == fallen - 1, "what a browser says slowly does not keep it down"


def test_where_one_copy_fits_the_copies_end_and_the_quality_stays() -> None:
    ladder = Ladder(STEPS, 0)
    assert ladder.reported(Sign(estimate_kbps=6000.0), 8000.0, S, copies=2)
    assert ladder.at == 0
    assert ladder.reported(Sign(estimate_kbps=1500.0), 8000.0, 2 * S, copies=2)
    assert STEPS[ladder.at].bitrate_kbps <= 3000


def test_a_far_viewer_gives_up_quality_before_its_copies() -> None:
    ladder = Ladder(STEPS, 0)
    assert not ladder.reported(Sign(estimate_kbps=6000.0), 8000.0, S, copies=2, far=True)
    assert STEPS[ladder.at].bitrate_kbps == 5600, "twice 5,600 are less than once 8,000 and room"
    kbps = STEPS[LAST_WITH_COPIES].bitrate_kbps
    assert not ladder.reported(Sign(estimate_kbps=kbps / 0.95 + 1), 4000.0, 3 * S, 2, far=True)
    assert ladder.at == LAST_WITH_COPIES
    assert ladder.reported(Sign(estimate_kbps=kbps * 0.8), 2800.0, 6 * S, copies=2, far=True)
    assert ladder.at == LAST_WITH_COPIES, "without copies it carries this"


def _browser(now_ns: int, spoken_ns: int = OFTEN_NS + 1) -> Ladder:
    """A viewer that has said an estimate all the time for so long before `now_ns`."""
    ladder = Ladder(STEPS, 0)
    for before_ns in (spoken_ns, spoken_ns // 2, 0):
        ladder.reported(Sign(estimate_kbps=9000.0), 8000.0, now_ns - before_ns)
    return ladder


@pytest.mark.parametrize(("spoken_ns", "believed"), [(OFTEN_NS, True), (OFTEN_NS + 1, False)])
def test_who_has_spoken_for_long_is_doubted(spoken_ns: int, believed: bool) -> None:
    ladder = _browser(5 * S - 1, spoken_ns - 1)
    ladder.reported(Sign(round_trip_ms=20.0), 8000.0, 5 * S - 1)
    assert ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, 5 * S) is believed


def test_an_estimate_that_follows_what_is_sent_is_no_spiral() -> None:
    """Chromium on a busy machine: each estimate is 0.85 of what arrives, and there is no queue."""
    ladder, least = _browser(5 * S), 0
    for step in range(300):
        now = 5 * S + step * 100 * MS
        if step % 2 == 0:
            ladder.reported(Sign(round_trip_ms=21.0 + step % 4), 8000.0, now)
        kbps = 0.85 * STEPS[ladder.tick(now)].bitrate_kbps * 0.99 ** (step % 30)
        ladder.reported(Sign(estimate_kbps=kbps), STEPS[ladder.at].bitrate_kbps, now + MS)
        least = max(least, ladder.at)
    assert least == 0


@pytest.mark.parametrize(
    ("grown_ms", "age_ns", "silent_ns", "believed"),
    [
        (DOUBT_MS - 0.1, FRESH_NS, OFTEN_NS, False),
        (DOUBT_MS, FRESH_NS, OFTEN_NS, True),
        (0.0, FRESH_NS + 1, OFTEN_NS, True),
        (0.0, FRESH_NS, OFTEN_NS + 1, True),
    ],
)
def test_a_fresh_round_trip_without_a_queue_speaks_against_an_estimate(
    grown_ms: float, age_ns: int, silent_ns: int, believed: bool
) -> None:
    at_ns = 10 * S
    ladder = _browser(at_ns - silent_ns)
    ladder.reported(Sign(round_trip_ms=20.0), 8000.0, at_ns - 5 * S)
    ladder.reported(Sign(round_trip_ms=20.0 + grown_ms), 8000.0, at_ns - age_ns)
    assert ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, at_ns) is believed


@pytest.mark.parametrize(("share", "severe"), [(SEVERE, False), (SEVERE - 0.001, True)])
def test_a_severe_fall_ends_copies_and_quality_at_once(share: float, severe: bool) -> None:
    ladder = Ladder(STEPS, 0)
    ended = ladder.reported(Sign(estimate_kbps=share * 8000.0), 8000.0, S, copies=2, far=False)
    assert ended
    assert (ladder.at > 0) is severe


def test_what_ours_say_in_a_row_is_believed_though_a_round_trip_from_before_is_fresh() -> None:
    ladder = Ladder(STEPS, 0)
    ladder.reported(Sign(round_trip_ms=20.0), 8000.0, S)
    kept = []
    for number, kbps in enumerate((6000.0, 4000.0, 2500.0)):
        ladder.reported(Sign(estimate_kbps=kbps), 8000.0, S + (50 + 100 * number) * MS)
        kept.append(STEPS[ladder.at].bitrate_kbps)
    assert kept == [5600, 2800, 2000]


def test_a_viewer_that_speaks_after_a_silence_need_not_say_less_than_before() -> None:
    """Ours speak only when pictures queue; what they said minutes ago is no measure."""
    ladder = Ladder(STEPS, 0)
    assert ladder.reported(Sign(estimate_kbps=2000.0), 8000.0, S)
    assert ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, S + OFTEN_NS + 1)
    assert not ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, S + OFTEN_NS + 2)


@pytest.mark.parametrize(
    ("grown_ms", "loss", "full"),
    [(QUEUE_MS, TOO_MUCH_LOSS, True), (QUEUE_MS - 0.1, 0.3, False), (QUEUE_MS, 0.09, False)],
)
def test_a_queue_that_overflows_ends_copies_and_quality_at_once(
    grown_ms: float, loss: float, full: bool
) -> None:
    ladder = Ladder(STEPS, 0)
    ladder.reported(Sign(round_trip_ms=20.0), 8000.0, S)
    sign = Sign(loss=loss, round_trip_ms=20.0 + grown_ms)
    assert ladder.reported(sign, 8000.0, 2 * S, copies=2, far=True) is full
    assert (ladder.at > 0) is full


def test_a_link_that_drops_most_packets_is_noticed_without_a_whole_frame() -> None:
    """Four times too much into a queue of 100 kB: 200 ms, and three of four packets are lost."""
    trend, estimates = DelayTrend(), []
    for number in range(60):
        narrow = number >= 30
        for part in range(28):
            if not narrow or part % 4 == 0:
                at_ns = number * S // 30 + (210 if narrow else 10) * MS + part * MS // 10
                trend.packet(1200, number * 3000, at_ns)
                estimates.append((number, trend.estimate_kbps(at_ns)))
        if not narrow:
            trend.frame(number * 3000, number * S // 30 + 13 * MS)
    first = next(number for number, kbps in estimates if kbps is not None)
    assert 33 <= first <= 34


def test_a_frame_that_is_repaired_later_is_no_delay() -> None:
    """Its packets came in time; what was asked for came when the next frames were complete."""
    trend = DelayTrend()
    for number in range(40):
        at_ns = number * S // 30 + 10 * MS
        trend.packet(1200, number * 3000, at_ns)
        if number % 4:
            trend.frame(number * 3000, at_ns)
        else:
            trend.frame((number - 4) * 3000 & 0xFFFFFFFF, at_ns)
        assert trend.queue_ns < MS
        assert trend.estimate_kbps(at_ns) is None


@pytest.mark.parametrize(("next_ms", "believed"), [(20.0, False), (20.0 + DOUBT_MS, True)])
def test_the_next_round_trip_decides_about_a_doubted_estimate(
    next_ms: float, believed: bool
) -> None:
    ladder = _browser(5 * S)
    ladder.reported(Sign(round_trip_ms=20.0), 8000.0, 5 * S)
    assert not ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, 5 * S + 100 * MS)
    assert ladder.reported(Sign(round_trip_ms=next_ms), 8000.0, 5 * S + 200 * MS) is believed
    later = ladder.reported(Sign(estimate_kbps=4000.0), 8000.0, 6 * S)
    assert not later, "a false alarm stays one, and what was acted on is done"


def test_one_fall_is_not_counted_twice_while_it_settles() -> None:
    ladder = Ladder(STEPS, 0)
    ladder.reported(Sign(loss=0.2), 8000.0, 0)
    ladder.reported(Sign(loss=0.2), 8000.0, S)
    after = ladder.at
    assert after > 0
    ladder.reported(Sign(loss=0.2), 8000.0, S + 200 * MS)
    assert ladder.at == after, "this report still speaks of the rate before"
    ladder.reported(Sign(estimate_kbps=1200.0), 8000.0, S + 250 * MS)
    assert STEPS[ladder.at].bitrate_kbps <= 1200, "an estimate is the rate that arrives"
    lower = ladder.at
    assert ladder.tick(S + 200 * MS + CLEAN_NS) == lower, "clean time counts from the last trouble"


def test_a_queue_that_grows_tells_how_much_the_link_carries() -> None:
    """4 Mbit/s into 2 Mbit/s: the round trip grows by a second each second."""
    ladder = Ladder(STEPS, 0)
    ladder.reported(Sign(round_trip_ms=20.0), 4000.0, S)
    assert ladder.reported(Sign(round_trip_ms=420.0), 4000.0, S + 400 * MS)
    assert STEPS[ladder.at].bitrate_kbps == 1000, "below the 2,000 that arrive, so that it empties"
    assert not ladder.reported(Sign(round_trip_ms=300.0), 1000.0, 2 * S), "it empties already"


def test_the_ladder_falls_in_rate_before_size_and_keeps_the_shape() -> None:
    for width, height, fps in ((640, 480, 30.0), (1024, 768, 60.0), (352, 288, 25.0)):
        ladder = rungs(width, height, fps, 8000)
        assert ladder[0] == Rung(8000, width, height, fps)
        rates = [rung.bitrate_kbps for rung in ladder]
        assert rates == sorted(rates, reverse=True)
        assert len({(r.width, r.height) for r in ladder[:4]}) == 1
        assert all(r.width % 2 == r.height % 2 == 0 for r in ladder)
        assert all(abs(r.width / r.height - width / height) < 0.02 for r in ladder)
        assert min(r.fps for r in ladder) >= min(fps, 20.0)


def test_the_session_that_drives_decides_by_its_best_link() -> None:
    viewers = {"console": {"0": 4, "1": 1}, "observer": {"0": 5}}
    assert agreed(viewers, "console") == 1
    assert agreed(viewers, "") == 5
    assert agreed({}, "console") == 0


def test_duplicates_follow_loss_and_end_when_it_ends() -> None:
    decision = Redundancy(Duplicates.AUTO)
    assert not decision.is_on(0)
    decision.reported(0.001, S)
    assert not decision.is_on(S), "one packet in a thousand is no reason"
    decision.lost(2 * S)
    assert decision.is_on(2 * S)
    assert not decision.is_on(2 * S + HOLD_NS)


def test_loss_that_comes_back_keeps_duplicates_longer_each_time() -> None:
    decision, now, spans = Redundancy(Duplicates.AUTO), 0, []
    for _ in range(7):
        decision.lost(now)
        begun = now
        while decision.is_on(now):
            now += S
        spans.append((now - begun) // S)
        now += S
    assert spans == [30, 60, 120, 240, 480, 600, 600]


@pytest.mark.parametrize(("round_trip_ms", "on"), [(FAR_MS - 0.1, False), (FAR_MS, True)])
def test_a_far_viewer_begins_with_duplicates_and_keeps_them_only_for_a_reason(
    round_trip_ms: float, on: bool
) -> None:
    decision = Redundancy(Duplicates.AUTO)
    decision.round_trip(round_trip_ms, S)
    assert decision.is_on(S) is on
    decision.round_trip(round_trip_ms, 2 * S)
    assert decision.is_on(S + HOLD_MOST_NS - 1) is on
    assert not decision.is_on(S + HOLD_MOST_NS)


def test_a_narrow_link_gets_no_duplicates() -> None:
    decision = Redundancy(Duplicates.AUTO)
    decision.lost(0)
    decision.congested(S)
    assert not decision.is_on(S)
    decision.lost(20 * S)
    assert not decision.is_on(21 * S)
    assert decision.is_on(32 * S)


@pytest.mark.parametrize("mode", [Duplicates.ON, Duplicates.OFF])
def test_the_configuration_decides_when_it_says_so(mode: Duplicates) -> None:
    decision = Redundancy(mode)
    assert not decision.may_end
    assert Redundancy(Duplicates.AUTO).may_end
    assert decision.is_on(0) == (mode is Duplicates.ON)
    decision.lost(0)
    assert decision.is_on(0) == (mode is Duplicates.ON)
