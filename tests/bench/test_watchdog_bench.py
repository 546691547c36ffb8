"""The watchdog bench: it must see late commands, needless stops and lost pictures when they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import pytest

from bench.branch import branch
from bench.kit.model import Group, Measured
from bench.network import Bundle, Direction, Pictures, Stream
from bench.watchdog.bench import BENCH
from bench.watchdog.case import Outcome, Spec, measure, network
from bench.watchdog.figures import measured
from bench.watchdog.plan import TARGETS, Wanted, key_of, plan
from bench.watchdog.witness import Tally, Witness
from bench.world import World, WorldOptions
from safety.limits import Limits
from safety.states import Cause, State
from teleop.config import REPEAT_MS
from teleop.scripted.persons import ENGAGED
from transport.impair import Link, LinkProfile, PathProfile

MS = 1_000_000
QUICK = replace(Limits(), qualify_s=1.0)
NEAR = PathProfile(LinkProfile(delay_ms=2.0), LinkProfile(delay_ms=2.0))


Watched = tuple[World, Witness]


@pytest.fixture(scope="module")
def scanning() -> Iterator[Watched]:
    """A world that has just begun to move, watched; every test continues a copy of it."""
    world = World(WorldOptions(limits=QUICK, links=(NEAR,)))
    witness = Witness(world)
    world.run_until(lambda: world.site.report.value.state in ENGAGED, 40.0)
    witness.begin()
    yield world, witness
    world.close()


def counted(scanning: Watched, seconds: float, first: Callable[[World], None]) -> Tally:
    """What the witness counts when `first` happens and so much time passes."""
    world, witness = scanning

    def ending(copy: World) -> Tally:
        first(copy)
        copy.run_for(seconds)
        return witness.end()

    return branch(world, ending)


def test_a_good_network_has_no_stop_and_no_old_command(scanning: Watched) -> None:
    tally = counted(scanning, 1.0, lambda world: None)
    assert set(tally.time_ns) == {State.ACTIVE}
    assert tally.time_ns[State.ACTIVE] == 1000 * MS
    assert (tally.stops.total(), tally.lost, tally.late, tally.old_driven_cycles) == (0, 0, 0, 0)
    assert 195 <= tally.commands <= 205
    assert tally.driven_cycles == 500
    assert 2 * MS < tally.oldest_driven_ns < 15 * MS


def test_a_cut_link_is_a_needed_stop_and_its_commands_are_lost(
    scanning: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.watchdog.witness.KEPT", 100)  # lost after half a second, not 5 s
    tally = counted(scanning, 1.5, World.cut_link)
    assert tally.stops[Cause.COMMAND_AGE] == 1
    assert tally.false_stops == 0
    assert tally.lost > 150
    assert tally.old_driven_cycles == 0, "what was in use when the link was cut stops at 50 ms"


def test_a_stop_by_age_while_the_command_is_young_is_called_needless(scanning: Watched) -> None:
    """Heartbeats alone grow old: guard's bound contains the way down, the truth does not."""

    def cut_down(world: World) -> None:
        world.down.cut = True

    tally = counted(scanning, 0.2, cut_down)
    assert tally.stops.total() == 1
    assert set(tally.stops) <= {Cause.COMMAND_AGE, Cause.MISSED_SLOTS}
    assert tally.false_stops == 1


def test_an_old_command_that_moves_the_arm_is_seen(scanning: Watched) -> None:
    """The witness must not believe guard: commands that it knows to be old count."""

    def backdate(world: World) -> None:
        sampled = world.on_sampled
        world.on_sampled = lambda seq, now_ns: sampled(seq, now_ns - 60 * MS)

    tally = counted(scanning, 0.5, backdate)
    assert tally.old_driven_cycles > 200
    assert tally.late > 80


def test_commands_sent_twice_survive_random_loss() -> None:
    lossy = PathProfile(LinkProfile(delay_ms=2.0, loss=0.1), LinkProfile(delay_ms=2.0))
    once, twice = (_arrived(lossy, repeat_ms) for repeat_ms in (0.0, REPEAT_MS))
    assert once < 0.93
    assert twice > 0.97


@dataclass
class Counted:
    """A direction that counts what is sent over it."""

    way: Direction
    cut: bool = False
    sent: int = 0

    def deliver(self, now_ns: int, size_bytes: int = 0) -> list[int]:
        self.sent += 1
        return self.way.deliver(now_ns, size_bytes)


@pytest.mark.parametrize(("links", "repeat_ms", "copies"), [(1, 2.0, 2), (1, 0.0, 1), (2, 2.0, 1)])
def test_commands_go_out_twice_on_a_single_link_only(
    links: int, repeat_ms: float, copies: int
) -> None:
    world = World(WorldOptions(links=(NEAR,) * links, repeat_after_ms=repeat_ms))
    world.up = up = Counted(world.up)
    sampled: list[int] = []
    world.on_sampled = lambda seq, now_ns: sampled.append(seq)
    world.run_for(0.5)
    world.close()
    assert up.sent / len(sampled) == pytest.approx(copies, abs=0.1), "commands, and a few clicks"


def _arrived(path: PathProfile, repeat_ms: float) -> float:
    world = World(WorldOptions(links=(path,), repeat_after_ms=repeat_ms))
    seen: dict[str, set[int]] = {"sampled": set(), "arrived": set()}
    world.on_sampled = lambda seq, now_ns: seen["sampled"].add(seq)
    world.on_arrived = lambda seq, now_ns: seen["arrived"].add(seq)
    world.run_for(2.0)
    world.close()
    return len(seen["arrived"]) / len(seen["sampled"])


def _pictures(links: list[Link], frames: int = 200) -> tuple[Pictures, list[int]]:
    """Send pictures by hand on a small clock; return when each arrived."""
    waiting: list[tuple[int, object]] = []
    arrived: list[int] = []
    pictures = Pictures(Bundle(links), Stream(60.0, 4000.0), lambda due, act: act(due))
    del waiting
    for frame in range(frames):
        pictures.send(frame * 16 * MS, arrived.append)
    return pictures, arrived


def test_a_picture_survives_one_lost_packet_on_one_link_and_on_two() -> None:
    lossless = _pictures([Link(LinkProfile(delay_ms=5.0), 1)])
    assert (lossless[0].lost, len(lossless[1])) == (0, 200)
    dead = _pictures([Link(LinkProfile(loss=1.0), 1)])
    assert (dead[0].lost, dead[1]) == (200, [])
    lossy = LinkProfile(delay_ms=5.0, loss=0.02)
    for links in ([Link(lossy, 1)], [Link(lossy, 1), Link(lossy, 2)]):
        pictures, arrived = _pictures(links)
        assert pictures.sent == 200
        assert pictures.lost <= 4, "7 packets, each lost twice: 0.3 %; without repair 13 %"
        assert len(arrived) == 200 - pictures.lost


def test_the_first_copy_wins_and_one_dead_link_changes_nothing() -> None:
    slow, fast = LinkProfile(delay_ms=9.0), LinkProfile(delay_ms=4.0)
    both = Bundle([Link(slow, 1), Link(fast, 2)])
    assert both.deliver(0) == [4 * MS]
    both = Bundle([Link(slow, 1), Link(LinkProfile(loss=1.0), 2)])
    assert both.deliver(0) == [9 * MS]
    both.cut = True
    assert both.cut
    assert both.deliver(0) == []


@cache
def short() -> Outcome:
    return measure(Spec("wired", seconds=1.0))


def test_a_case_gives_every_figure_that_a_target_names() -> None:
    case = next(case for case in plan(Wanted(seconds=1.0)) if case.key == "wired-1link")
    spec = msgspec.json.decode(case.config, type=Spec)
    assert (spec.profile, spec.links, spec.seconds) == ("wired", 1, 1.0)
    result = measured(short())
    names = {figure.name for figure in result.figures}
    assert {target.figure for target in TARGETS} <= names
    shares = [f.value or 0.0 for f in result.figures if f.name.startswith("time ")]
    assert sum(shares) == pytest.approx(100.0)


def test_every_profile_runs_with_one_and_with_two_links() -> None:
    cases = plan(Wanted())
    keys = [case.key for case in cases]
    assert len(set(keys)) == len(keys)
    assert {"5g-1link", "5g-2links", "handover+handover-2links", "n78-1link"} <= set(keys)
    safety = {t.case for t in TARGETS if t.group is Group.SAFETY}
    assert safety == set(keys), "no case without the check of old commands"
    assert {t.case for t in TARGETS} <= set(keys)
    assert len(network(Spec("5g", links=2)).links) == 2
    assert len(network(Spec("5g+wired", links=2)).links) == 2


def test_a_profile_without_its_data_is_skipped_and_says_so() -> None:
    from bench.kit.bench import SkipCase
    from bench.watchdog.plan import case_of

    with pytest.raises(SkipCase, match="traces"):
        BENCH.run(case_of(Spec("n78-80kmh", seconds=1.0)))


def test_what_never_moved_is_told_in_words() -> None:
    outcome = replace(short(), started=False)
    result: Measured = measured(outcome)
    assert any("never allowed" in note for note in result.notes)
    assert key_of(Spec("5g", repeat_after_ms=0.0)) == "5g-1link-once"
