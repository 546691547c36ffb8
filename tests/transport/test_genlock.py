"""The picture source in step with a screen: a source, a screen and the jitter between them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from transport.genlock import (
    ENOUGH,
    MARGIN_MOST_MS,
    MARGIN_MS,
    NARROWER_MS,
    NEARLY,
    PULL,
    STEP,
    STILL_MS,
    STILL_RATE,
    WIDER_MS,
    Genlock,
    in_step,
    later_ms,
    step_ns,
)

MS = 1_000_000


@dataclass
class Studio:
    """A source of pictures and a screen, each with its own clock; one report a second."""

    fps: float
    refresh_ms: float
    path_ms: float = 12.0
    jitter_ms: float = 4.0
    stalls: float = 0.005
    locked: bool = True
    seed: int = 1
    waits: list[float] = field(default_factory=list)

    def run(self, seconds: int) -> list[float]:
        """Waits of every picture of the last second."""
        rng = random.Random(self.seed)
        nominal_ns = round(1e9 / self.fps)
        genlock = Genlock(nominal_ns)
        period_ns, owed_ns = nominal_ns, 0
        due_ms, last = rng.uniform(0.0, self.refresh_ms), []
        for second in range(1, seconds + 1):
            waits = []
            while due_ms < second * 1e3:
                late_ms = rng.uniform(0.0, self.jitter_ms) + 30.0 * (rng.random() < self.stalls)
                waits.append(-(due_ms + self.path_ms + late_ms) % self.refresh_ms)
                step = step_ns(owed_ns, period_ns)
                owed_ns -= step
                due_ms += (period_ns + step) / MS
            steering = genlock.presented(self.refresh_ms, waits) if self.locked else None
            if steering is not None:
                period_ns, owed_ns = steering.period_ns, steering.move_ns
            last = waits
        return last


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(
    ("fps", "hz"), [(30, 60.0), (60, 60.0), (30, 59.94), (60, 59.94), (30, 120.0)]
)
def test_pictures_come_shortly_before_a_display_frame(fps: float, hz: float, seed: int) -> None:
    studio = Studio(fps, 1e3 / hz, jitter_ms=3.0, stalls=0.002, seed=seed)
    waits = sorted(studio.run(30))
    assert waits[len(waits) // 2] <= MARGIN_MS + 3.0 + 2.0  # the margin, the jitter, stalls
    assert waits[int(0.9 * len(waits))] <= MARGIN_MS + 3.0 + 3.0


def test_without_it_the_wait_is_a_matter_of_chance() -> None:
    medians = [
        sorted(w := Studio(30, 1e3 / 60, seed=seed, locked=False).run(5))[len(w) // 2]
        for seed in range(40)
    ]
    assert max(medians) > 13.0
    assert min(medians) < 5.0


@pytest.mark.parametrize("hz", [50.0, 75.0, 144.0])
def test_a_screen_whose_rate_does_not_fit_leaves_the_rate_alone(hz: float) -> None:
    assert in_step(round(1e9 / 30), 1e3 / hz) is None
    genlock = Genlock(round(1e9 / 30))
    assert genlock.presented(1e3 / hz, [5.0] * ENOUGH) is None


def test_the_rate_follows_a_screen_up_to_its_bound_and_comes_back() -> None:
    nominal_ns = 20 * MS
    just = 20.0 * (1 + PULL)
    assert in_step(nominal_ns, just) == round(just * 1e6)
    assert in_step(nominal_ns, just + 0.001) is None
    genlock = Genlock(nominal_ns)
    first = genlock.presented(20.1, [MARGIN_MS] * ENOUGH)
    assert first is not None
    assert first.period_ns == round(20.1e6)
    assert genlock.presented(25.0, [MARGIN_MS]) is None  # the report after a correction
    back = genlock.presented(25.0, [MARGIN_MS] * ENOUGH)
    assert back is not None
    assert (back.period_ns, back.move_ns) == (nominal_ns, 0)


def test_the_rounding_of_a_refresh_is_no_news() -> None:
    genlock = Genlock(20 * MS)
    just = 10.0 * (1 + STILL_RATE)
    assert genlock.presented(just, [MARGIN_MS] * ENOUGH) is None
    assert genlock.presented(just + 0.001, [MARGIN_MS] * ENOUGH) is not None


def test_few_pictures_and_small_errors_change_nothing() -> None:
    genlock = Genlock(20 * MS)
    assert genlock.presented(10.0, [8.0] * (ENOUGH - 1)) is None
    assert genlock.wait_ms == -1.0
    assert genlock.presented(10.0, [8.0]) is not None
    still = Genlock(20 * MS)
    assert still.presented(10.0, [MARGIN_MS + 0.9 * STILL_MS] * ENOUGH) is None
    assert still.presented(10.0, [MARGIN_MS + STILL_MS] * ENOUGH) is not None


def test_the_latest_but_one_in_fifty_decides_and_the_shorter_way_is_taken() -> None:
    waits = [6.0 + 0.01 * i for i in range(98)]
    assert later_ms([*waits, 15.0, 15.5], 16.7) == pytest.approx(6.0 - MARGIN_MS)
    assert later_ms([14.0] * 100, 16.0) == pytest.approx(14.0 - MARGIN_MS - 16.0)
    spread = [15.5, 0.5] * 50  # a little late and a little early are neighbours
    assert later_ms(spread, 16.0) == pytest.approx(15.5 - MARGIN_MS - 16.0)


def test_pictures_that_the_next_one_replaced_widen_the_margin_within_bounds() -> None:
    genlock = Genlock(20 * MS)

    def moved_ms(skipped: int) -> float:
        while genlock.presented(10.0, [MARGIN_MS], 0) is not None:
            pass  # the report after a correction
        steering = genlock.presented(10.0, [MARGIN_MS] * ENOUGH, skipped)
        return 0.0 if steering is None else steering.move_ns / MS

    assert moved_ms(0) == 0.0
    assert moved_ms(1) == -WIDER_MS  # one of 46 is more than one in a hundred
    grown = [moved_ms(5) for _ in range(8)]
    assert grown[-1] == MARGIN_MS - MARGIN_MOST_MS
    shrunk = [moved_ms(0) for _ in range(40)]
    assert shrunk[0] == MARGIN_MS - MARGIN_MOST_MS + NARROWER_MS
    assert shrunk[-1] == 0.0


def test_pictures_that_wait_nearly_a_whole_display_frame_widen_it_too() -> None:
    within = Genlock(20 * MS)
    assert within.presented(10.0, [MARGIN_MS] * 99 + [10.0 * NEARLY]) is None
    genlock = Genlock(20 * MS)
    assert genlock.presented(10.0, [MARGIN_MS] * 99 + [9.0]) is None  # one of a hundred may
    steering = genlock.presented(10.0, [MARGIN_MS] * 98 + [9.0, 8.1])
    assert steering is not None
    assert steering.move_ns / MS == -WIDER_MS


def test_reports_of_strange_pages_stay_within_bounds() -> None:
    rng = random.Random(7)
    genlock = Genlock(round(1e9 / 30))
    for _ in range(3000):
        refresh_ms = rng.uniform(2.0, 50.0)
        waits = [rng.uniform(-100.0, 200.0) for _ in range(rng.randrange(129))]
        steering = genlock.presented(refresh_ms, waits, rng.randrange(1001))
        if steering is not None:
            assert abs(steering.move_ns) <= refresh_ms / 2 * MS
            assert abs(steering.period_ns * 30 / 1e9 - 1) <= PULL + 1e-6


def test_a_correction_is_spread_over_pictures() -> None:
    period_ns = 33 * MS
    most = round(STEP * period_ns)
    assert step_ns(5 * MS, period_ns) == most
    assert step_ns(-5 * MS, period_ns) == -most
    assert step_ns(1000, period_ns) == 1000
