"""The link model: seeded, monotone, with the losses it promises."""

import pytest

from transport.impair import ImpairError, Link, LinkProfile

PERIOD_NS = 5_000_000


def _run(profile: LinkProfile, seed: int, packets: int = 20_000) -> tuple[Link, list[list[int]]]:
    link = Link(profile, seed)
    return link, [link.deliver(i * PERIOD_NS) for i in range(packets)]


def test_the_same_seed_gives_the_same_link() -> None:
    profile = LinkProfile(delay_ms=10, jitter_ms=2, loss=0.05, burst=4, duplicate=0.1)
    assert _run(profile, 7)[1] == _run(profile, 7)[1]
    assert _run(profile, 7)[1] != _run(profile, 8)[1]


@pytest.mark.parametrize("burst", [1.0, 4.0])
def test_mean_loss_is_the_promised_one_and_bursts_have_their_length(burst: float) -> None:
    link, dues = _run(LinkProfile(loss=0.05, burst=burst), 3, 100_000)
    assert link.dropped / link.sent == pytest.approx(0.05, abs=0.006)
    runs, length = [], 0
    for due in dues:
        if not due:
            length += 1
        elif length:
            runs.append(length)
            length = 0
    expected = burst if burst > 1 else 1 / 0.95
    assert sum(runs) / len(runs) == pytest.approx(expected, rel=0.1)


def test_jitter_delays_by_its_mean_and_never_reorders() -> None:
    _, dues = _run(LinkProfile(delay_ms=10, jitter_ms=1), 5)
    flat = [due for packet in dues for due in packet]
    assert flat == sorted(flat)
    delays = [(due[0] - i * PERIOD_NS) / 1e6 for i, due in enumerate(dues)]
    assert min(delays) >= 10.0
    assert sum(delays) / len(delays) == pytest.approx(11.0, abs=0.1)


def test_a_blackout_drops_exactly_its_window_and_shifts_nothing_else() -> None:
    clean = _run(LinkProfile(loss=0.1), 9, 1000)[1]
    dark = _run(LinkProfile(loss=0.1, blackouts_ms=((1000, 1150),)), 9, 1000)[1]
    for i, (a, b) in enumerate(zip(clean, dark, strict=True)):
        inside = 1000 <= i * 5 < 1150
        assert not (inside and b)
        assert inside or bool(a) == bool(b)


def test_a_cut_link_delivers_nothing_and_duplicates_arrive_twice() -> None:
    link, dues = _run(LinkProfile(duplicate=1.0), 1, 10)
    assert all(len(due) == 2 for due in dues)
    link.cut = True
    assert link.deliver(10 * PERIOD_NS) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"delay_ms": -1.0},
        {"delay_ms": float("nan")},
        {"jitter_ms": float("inf")},
        {"loss": 1.5},
        {"duplicate": -0.1},
        {"burst": 0.5},
        {"blackouts_ms": ((5.0, 1.0),)},
    ],
)
def test_impossible_profiles_are_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(ImpairError, match=next(iter(bad))):
        LinkProfile(**bad)  # type: ignore[arg-type]
