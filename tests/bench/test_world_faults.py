"""The fault table on the virtual clock: detection, standstill, and no return of motion by itself.

One world scans; every fault continues a copy of it (`bench/branch.py`), so that the cases do not
depend on each other nor on the speed of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from bench import trace
from bench.branch import branch
from bench.faults.judge import pair_problems, problems
from bench.faults.model import Fault, Follows
from bench.faults.run import run_fault, run_pair
from bench.faults.table import TABLE
from bench.faults.virtual import draw
from bench.faults.wall import tripwire
from bench.faults.watch import Watch
from bench.faults.worlds import scanning as scanning_world
from bench.world import World
from safety.limits import Limits
from safety.states import Cause, EventKind, PermitKind, State
from teleop.scripted.persons import ENGAGED, Phase, Plan
from transport.impair import Link

CYCLE_MS = 2.0
MOVES_M_S = 0.003
"""Across the probe axis; noise of a regulated probe stays below."""


Scanning = tuple[World, Watch]


@pytest.fixture(scope="module")
def watched() -> Iterator[Scanning]:
    with tripwire() as reads:
        world, watch = scanning_world(1, 500, reads)
        yield world, watch
        world.close()


@pytest.fixture(scope="module")
def scanning(watched: Scanning) -> World:
    return watched[0]


@pytest.fixture(scope="module")
def quick() -> Iterator[World]:
    """The same with 1 s of link qualification instead of 5: waiting is not the subject."""
    world, _ = scanning_world(1, 500, [], replace(Limits(), qualify_s=1.0))
    yield world
    world.close()


def _short(fault: Fault) -> Fault:
    """Watched no longer than its limits need."""
    limit_ms = max(fault.detect_max_ms, fault.stop_max_ms)
    return replace(fault, watch_s=min(fault.watch_s, limit_ms / 1e3 + 0.1))


STOPPING = [fault for fault in TABLE if fault.follows is Follows.STOP and fault.watch_s <= 1.0]
"""The rest is for `teleop bench faults`: what goes on has to be watched for longer."""


@pytest.mark.parametrize("fault", STOPPING, ids=lambda fault: fault.name)
def test_a_fault_is_detected_and_the_arm_rests_in_time(watched: Scanning, fault: Fault) -> None:
    world, watch = watched
    short = _short(fault)
    outcome = branch(world, lambda copy: run_fault(copy, watch, short))
    assert problems(outcome, fault, CYCLE_MS) == [], outcome


def _engaged(world: World, since_ns: int) -> bool:
    return any(row.state in ENGAGED for row in world.trace.since(since_ns))


def _moved(world: World, since_ns: int) -> bool:
    return any(row.tangential_m_s > MOVES_M_S for row in world.trace.since(since_ns))


def _kill_servo(world: World) -> None:
    world.servo_task.paused = True
    world.run_for(0.5)
    world.start_servo()


def _kill_guard(world: World) -> None:
    world.guard_task.paused = True
    world.run_for(0.5)
    world.start_guard()


def _kill_gateway(world: World) -> None:
    world.kill_gateway()
    world.run_for(0.5)
    world.start_gateway()


def _kill_media(world: World) -> None:
    world.stop_media()
    world.run_for(0.5)
    world.start_media()


def _freeze_picture(world: World) -> None:
    world.source.frozen = True
    world.run_for(0.5)
    world.source.frozen = False


def _cut(world: World) -> None:
    world.cut_link()
    world.run_for(0.6)
    world.heal_link()


def _lose_page(world: World) -> None:
    world.bedside.alive = False
    world.run_for(1.0)
    world.bedside.alive = True


RETURNS: dict[str, tuple[Callable[[World], None], State]] = {
    "link cut for 0.6 s": (_cut, State.HOLD),
    "picture frozen for 0.5 s": (_freeze_picture, State.HOLD),
    "gateway restarted": (_kill_gateway, State.HOLD),
    "media restarted": (_kill_media, State.HOLD),
    "bedside page lost for 1 s": (_lose_page, State.HOLD),
    "console stop": (lambda w: w.page_event(EventKind.STOP, 1, console=True), State.HOLD),
    "bedside stop": (lambda w: w.press_key(), State.SAFE_STOP),
    "servo restarted": (_kill_servo, State.SAFE_STOP),
    "guard restarted": (_kill_guard, State.SAFE_STOP),
    "guard stalled": (lambda w: w.clock.freeze(w.guard_task, 100_000_000), State.SAFE_STOP),
}


@pytest.mark.parametrize("name", RETURNS)
def test_after_a_stop_motion_returns_only_by_both_people(quick: World, name: str) -> None:
    fault, expected = RETURNS[name]

    def ending(world: World) -> list[str]:
        wrong = []
        nurse, expert = world.bedside.nurse, world.page.expert
        epoch = world.site.report.value.epoch
        nurse.willing = False
        fault(world)
        world.run_for(0.3)
        state = world.site.report.value.state
        wrong += [f"in {state.name}"] * (state != expected)
        start_ns = world.clock.now_ns
        world.run_for(2.5)  # the expert presses again and again, the link qualifies anew
        wrong += ["engaged without the nurse"] * _engaged(world, start_ns)
        expert.willing, nurse.willing = False, True
        world.page.console.let_go()
        world.run_for(1.5)
        wrong += ["engaged without the expert"] * _engaged(world, start_ns)
        wrong += ["moved without both"] * _moved(world, start_ns)
        expert.willing = True
        world.run_until(lambda: world.site.report.value.state in ENGAGED, 30.0)
        wrong += ["epoch did not rise"] * (world.site.report.value.epoch <= epoch)
        return wrong

    assert branch(quick, ending) == []


def test_a_released_deadman_resumes_by_a_fresh_press_alone_and_without_a_jump(
    scanning: World,
) -> None:
    def ending(world: World) -> tuple[State, Cause, float, float]:
        world.bedside.nurse.willing = False
        world.release_deadman()
        world.run_for(1.0)
        held = world.site.report.value
        world.page.expert.willing = True
        world.run_until(lambda: world.site.report.value.state in ENGAGED, 5.0)
        start_ns = world.clock.now_ns
        world.run_for(0.1)
        rows = world.trace.since(start_ns)
        fastest = max(row.tangential_m_s for row in rows)
        return held.state, held.first_out, fastest, trace.peak_force_n(rows)

    state, cause, fastest, force = branch(scanning, ending)
    assert (state, cause) == (State.HOLD, Cause.OPERATOR_RELEASE)
    assert fastest < 0.25 * 0.03, "speed is ramped over 500 ms"
    assert force < 6.0


def test_a_late_loop_degrades_before_it_holds(scanning: World) -> None:
    def ending(world: World) -> tuple[list[State], float]:
        seen: list[State] = []
        v_max_degraded = 1.0
        for step in range(300):
            assert isinstance(world.video, Link)
            delay_ms = 3.0 + 0.2 * step  # a ramp of 20 ms/s
            world.video.profile = replace(world.video.profile, delay_ms=delay_ms)
            world.run_for(0.01)
            report = world.site.report.value
            if not seen or seen[-1] != report.state:
                seen.append(report.state)
            if report.state == State.DEGRADED:
                v_max_degraded = min(v_max_degraded, report.v_max_m_s)
            if report.state == State.HOLD:
                break
        return seen, v_max_degraded

    seen, v_max = branch(scanning, ending)
    assert seen == [State.ACTIVE, State.DEGRADED, State.HOLD]
    assert v_max <= 0.25 * 0.1 + 1e-9


def _blackout(world: World, seconds: float) -> list[State]:
    """States after losing the link for `seconds` without anybody's help; first one included."""
    world.bedside.nurse.willing = False
    start_ns = world.clock.now_ns
    world.cut_link()
    world.run_for(seconds)
    world.heal_link()
    world.run_for(0.25)
    rows = world.trace.since(start_ns)
    return [row.state for row, before in zip(rows, [None, *rows], strict=False)
            if before is None or row.state != before.state]  # fmt: skip


def test_a_gap_within_the_limit_stops_nothing(scanning: World) -> None:
    assert branch(scanning, lambda world: State.HOLD in _blackout(world, 0.02)) is False


def test_a_short_hold_resumes_by_itself_through_degraded(scanning: World) -> None:
    def at_a_turn(world: World) -> list[State]:
        """A hand that slides fast is over 2 mm away after the gap, and then people resume."""
        world.run_until(lambda: world.trace.rows[-1].tangential_m_s < 0.005, 5.0)
        return _blackout(world, 0.06)

    states = branch(scanning, at_a_turn)
    assert states == [State.ACTIVE, State.DEGRADED, State.HOLD, State.DEGRADED]


def test_a_hand_that_moved_away_does_not_resume_by_itself(scanning: World) -> None:
    def ending(world: World) -> tuple[State, float]:
        world.bedside.nurse.willing = False
        world.cut_link()
        world.run_for(0.05)
        world.page.console.player._s += 0.5  # 6 mm along the sweep
        world.run_for(0.01)
        world.heal_link()
        world.run_for(0.25)
        return world.site.report.value.state, world.site.servo_report.value.offset_m

    state, offset_m = branch(scanning, ending)
    assert state == State.HOLD
    assert offset_m > 0.002


def test_a_long_blackout_does_not_resume(scanning: World) -> None:
    assert branch(scanning, lambda world: _blackout(world, 0.4))[-1] == State.HOLD


def test_the_fourth_short_hold_in_a_minute_stays(scanning: World) -> None:
    def ending(world: World) -> list[State]:
        world.page.expert.phase = Phase.LAND  # the hand rests: hand and robot stay together
        world.page.expert.plan = Plan(settle_ns=1 << 62)
        world.run_for(1.0)
        last = []
        for _ in range(4):
            last.append(_blackout(world, 0.06)[-1])
            world.run_for(3.0)
        return last

    *first, fourth = branch(scanning, ending)
    assert State.HOLD not in first
    assert fourth == State.HOLD


def test_a_flapping_link_ends_in_a_safe_stop(scanning: World) -> None:
    def ending(world: World) -> tuple[State, Cause]:
        world.bedside.nurse.willing = False
        for _ in range(12):
            world.cut_link()
            world.run_for(0.15)
            world.heal_link()
            world.run_for(0.05)
        report = world.site.report.value
        return report.state, report.first_out

    state, cause = branch(scanning, ending)
    assert state == State.SAFE_STOP
    assert cause in (Cause.COMMAND_AGE, Cause.LINK_UNSTABLE)


def test_commands_that_are_late_never_move_the_arm(scanning: World) -> None:
    """A link that delays everything by 100 ms: each frame arrives, none is applied."""

    def ending(world: World) -> tuple[bool, int, int]:
        assert isinstance(world.up, Link)
        world.up.profile = replace(world.up.profile, delay_ms=100.0)
        world.run_for(0.3)
        start_ns, seq = world.clock.now_ns, world.site.servo_report.value.command_seq
        world.run_for(2.0)
        return _moved(world, start_ns), seq, world.site.servo_report.value.command_seq

    moved, before, after = branch(scanning, ending)
    assert not moved
    assert after == before


def test_no_permit_reaches_servo_after_guard_died(scanning: World) -> None:
    def ending(world: World) -> tuple[float, PermitKind]:
        world.guard_task.paused = True
        world.run_for(0.2)
        start_ns = world.clock.now_ns
        world.run_for(2.0)
        fastest = max(row.speed_m_s for row in world.trace.since(start_ns))
        return fastest, world.site.servo_report.value.permit_kind

    fastest, _ = branch(scanning, ending)
    assert fastest < 0.002


@pytest.mark.parametrize("number", range(14))
def test_two_faults_together_stop_the_arm_and_break_no_invariant(
    watched: Scanning, number: int
) -> None:
    world, watch = watched
    one, two, gap_s = draw(list(TABLE), 5, number)
    outcome = branch(world, lambda copy: run_pair(copy, watch, one, two, gap_s))
    assert pair_problems(outcome, one, two, CYCLE_MS) == [], outcome
