"""The fault bench: it counts what is wrong, repeats by number, and its watch sees what it must."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from bench_kit_samples import MACHINE, run_of
from bench_kit_samples import result as sample

from bench.attack.frames import Attack
from bench.branch import branch
from bench.faults import braked, figures, gate, last
from bench.faults.act import after
from bench.faults.cases import SHARD, Wanted, plan
from bench.faults.doc import page
from bench.faults.judge import problems
from bench.faults.model import Fault, Follows, Outcome
from bench.faults.real import case as real
from bench.faults.real import leftover
from bench.faults.real.cases import key_of
from bench.faults.real.rig import NotMadeError
from bench.faults.real.rounds import stops, within
from bench.faults.real.spec import RealSpec
from bench.faults.real.table import REAL
from bench.faults.run import run_fault
from bench.faults.spec import Kind, Spec
from bench.faults.stops import press
from bench.faults.table import TABLE
from bench.faults.targets import TARGETS
from bench.faults.virtual import draw
from bench.faults.wall import tripwire
from bench.faults.watch import Change, Watch
from bench.faults.worlds import scanning
from bench.kit import store
from bench.kit.model import Case, CaseResult, Figure, Group, Measured, Run, Target, Verdict
from bench.kit.scorecard import judge
from bench.world import World
from robot_sim.scene import load_scene
from safety.authentic import sign
from safety.frame import pack
from safety.gate import Rejection
from safety.states import Cause, State
from transport.local import clock

CUT = TABLE[0]
GOOD = Outcome(CUT.name, "HOLD", "COMMAND_AGE", 45.0, 52.0, -1.0, 0.4, 5.0)


# What is counted.


def _numbers(measured: Measured) -> dict[str, float | None]:
    return {f.name: f.value for f in measured.figures}


def test_missed_detections_broken_invariants_and_limits_are_counted_apart() -> None:
    late = msgspec.structs.replace(GOOD, detect_ms=80.0, number=7)
    broken = msgspec.structs.replace(GOOD, broken=("I1 at 3.0 ms: drives under NONE",))
    slow = msgspec.structs.replace(GOOD, stop_ms=-1.0)
    found = figures.of_singles([GOOD, late, broken, slow], [CUT], 2.0)
    numbers = _numbers(found)
    assert numbers["injections"] == 4
    assert numbers["missed detections"] == 1
    assert numbers["invariants broken"] == 1
    assert numbers["out of limits"] == 3
    assert numbers[f"{CUT.name}: detection max"] == 80.0
    assert numbers[f"{CUT.name}: standstill max"] is None, "one never came to rest"
    assert any("number 7" in note for note in found.notes)


def test_what_should_go_on_may_not_stop() -> None:
    fault = next(f for f in TABLE if f.follows is Follows.NOTHING)
    calm = msgspec.structs.replace(GOOD, fault=fault.name, seen=("DEGRADED", "ACTIVE"))
    assert problems(calm, fault, 2.0) == []
    stopped = msgspec.structs.replace(calm, seen=("HOLD", "DEGRADED"))
    assert any("should go on" in words for words in problems(stopped, fault, 2.0))


def test_a_pair_hides_only_what_the_other_fault_took_away() -> None:
    by_name = {fault.name: fault for fault in TABLE}
    guard, cut = by_name["guard stopped for good"], by_name["link cut, both ways"]
    unseen = msgspec.structs.replace(GOOD, detect_ms=-1.0, second_detect_ms=-1.0, gap_ms=10.0)
    assert figures.of_pairs([(unseen, guard, cut)], 2.0).figures[1].value == 0
    assert figures.of_pairs([(unseen, cut, guard)], 2.0).figures[1].value == 0
    late = msgspec.structs.replace(unseen, gap_ms=200.0)
    assert figures.of_pairs([(late, cut, guard)], 2.0).figures[1].value == 1
    assert figures.of_pairs([(unseen, cut, cut)], 2.0).figures[1].value == 1


def test_the_worst_of_a_family_of_cases_counts() -> None:
    def case(key: str, value: float | None) -> CaseResult:
        return CaseResult(Case(key, key), Measured((Figure("broken", "", value),)))

    target = Target(Group.SAFETY, "nothing broken", "pairs-*", "broken", "<=", 0.0, "")
    good, bad, never = case("pairs-1", 0.0), case("pairs-2", 2.0), case("pairs-3", None)
    assert judge([target], [good])[0].verdict is Verdict.OK
    [row] = judge([target], [good, bad])
    assert (row.verdict, row.value) == (Verdict.MISSED, 2.0)
    assert judge([target], [good, never])[0].verdict is Verdict.MISSED
    failed = CaseResult(Case("pairs-4", ""), error="broke")
    assert judge([target], [good, failed])[0].verdict is Verdict.NOT_MEASURED
    assert judge([target], [case("single-1", 0.0)]) == ()


def test_a_worst_case_that_grew_is_named() -> None:
    before, now = run_of(sample("good", (1.0, 2.0, 9.0))), run_of(sample("good", (1.0, 2.0, 30.0)))
    [found] = last.grown(before, now)
    assert (found.figure, found.before, found.now) == ("delay max", 9.0, 30.0)
    assert last.grown(now, before) == ()


def test_a_run_is_compared_with_the_one_before(tmp_path: Path) -> None:
    for stamp, top in (("2026-01-30T000000Z", 9.0), ("2026-01-31T000000Z", 30.0)):
        folder = store.RunFolder(tmp_path / "sample" / stamp)
        folder.put_run(run_of(sample("good", (1.0, top))))
    last.with_last("sample", tmp_path, show=False)
    file = tmp_path / "sample" / "2026-01-31T000000Z" / last.FILE
    found = msgspec.json.decode(file.read_bytes(), type=last.Comparison)
    assert found.last == "2026-01-30T000000Z"
    assert found.grown


# What is planned.


def test_the_plan_covers_the_table_and_repeats_by_number() -> None:
    cases = plan(Wanted(pairs=2 * SHARD + 1))
    keys = [case.key for case in cases]
    assert len(set(keys)) == len(keys)
    assert sum(key.startswith("pairs-") for key in keys) == 3
    assert {f"single-{fault.group.value}" for fault in TABLE} <= set(keys)
    assert {key_of(row.must.name) for row in REAL} <= set(keys)
    first = [draw(list(TABLE), 1, number) for number in range(50)]
    assert first == [draw(list(TABLE), 1, number) for number in range(50)]
    assert first != [draw(list(TABLE), 2, number) for number in range(50)]


def test_the_quick_plan_is_under_four_minutes() -> None:
    quick = Wanted(quick=True, repeats=1, pairs=60, frames=20_000, stops=100)
    alone = sum(case.expected_s for case in plan(quick) if case.exclusive)
    shared = sum(case.expected_s for case in plan(quick) if not case.exclusive)
    assert alone + shared / 2.0 < 220.0, "on two cores"
    assert all(key_of(r.must.name) in {c.key for c in plan(quick)} for r in REAL if r.quick)


def test_a_soak_uses_pairs_of_its_own() -> None:
    cases = plan(Wanted(hours=1.0))
    firsts = [msgspec.json.decode(case.config, type=Spec).first for case in cases]
    assert len(cases) == 4
    assert min(firsts) >= 1_000_000
    assert len(set(firsts)) == 4


def test_every_target_names_a_figure_that_exists() -> None:
    keys = {case.key for case in plan(Wanted())} | {"soak-0001"}
    names = {fault.name for fault in TABLE}
    for target in TARGETS:
        begins = target.case.removesuffix("*")
        assert any(key.startswith(begins) for key in keys), target.case
        if target.case.startswith("single-") and not target.case.endswith("*"):
            assert target.figure.split(": ")[0] in names


def test_names_are_unique() -> None:
    assert len({fault.name for fault in TABLE}) == len(TABLE)
    assert len({key_of(row.must.name) for row in REAL}) == len(REAL)


def test_the_page_shows_every_fault_and_what_was_not_run() -> None:
    cells = tuple(
        Figure(f"{CUT.name}: {name} max", unit, value, 20)
        for name, unit, value in (("detection", "ms", 51.2), ("standstill", "ms", 61.0))
    )
    single = CaseResult(Case("single-link", ""), Measured((*cells, Figure("injections", "", 20.0))))
    text = page(Run("faults", "Faults", "2026-01-31T120000Z", MACHINE, (), False, 1.0, 0.1,
                    (single,)))  # fmt: skip
    assert "51.2 / 51" in text
    assert all(f"| {fault.name} |" in text for fault in TABLE)
    assert text.count("not run") == len(REAL)


def test_the_newest_run_that_made_a_case_counts_and_says_what_was_out_of_limits() -> None:
    name = REAL[0].must.name
    case = Case(key_of(name), "")

    def run(started: str, result: CaseResult) -> Run:
        return Run("faults", "Faults", started, MACHINE, (), False, 1.0, 0.1, (result,))

    def made(ms: float, *notes: str) -> CaseResult:
        figure = Figure(f"{name}: detection max", "ms", ms, 1)
        return CaseResult(case, Measured((figure, figure), notes=notes))

    real = [
        run("2026-01-31T120000Z", made(11.0)),
        run("2026-02-01T120000Z", made(22.0, f"number 0: {name}: moved again")),
        run("2026-02-02T120000Z", CaseResult(case, Measured(), error="could not be made")),
    ]
    virtual = run("2026-01-30T120000Z", CaseResult(Case("single-link", ""), Measured()))
    rows = [line for line in page(virtual, real).splitlines() if line.startswith(f"| {name} |")]
    assert "detection max 22.0 ms; **" in rows[-1]
    assert "moved again**" in rows[-1]
    assert "2026-02-01T120000Z" in page(virtual, real)
    failed = [line for line in page(virtual, real[2:]).splitlines() if "could not be made" in line]
    assert len(failed) == 1


# Attacks at the gate.


@pytest.mark.parametrize("kind", Attack)
def test_no_attack_frame_is_accepted_and_no_genuine_one_refused(kind: Attack) -> None:
    found = gate.siege(kind, 300, 3)
    assert (found.offered, found.accepted, found.genuine_refused) == (300, 0, 0)
    assert found.reasons.total() == 300


def test_the_siege_would_see_a_frame_that_gets_in() -> None:
    door = gate.Door(1)
    assert door.offer(door.genuine()) is Rejection.NONE
    door.seq += 1
    frame = door._frame(0)
    nonce = door.stamps.issued[-1][1]
    known = sign(pack(replace(frame, echo_nonce=nonce)), door.key)
    assert door.offer(known) is Rejection.NONE, "who has the key gets in"


# The watch.


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[World, Watch, list[str]]]:
    with tripwire() as reads:
        world, watch = scanning(1, 500, reads)
        yield world, watch, reads
        world.close()


def _resurrect(world: World) -> None:
    """A bug: guard leaves a latched stop by itself."""
    world.press_key()
    memory = world.site.guard.memory

    def wake(now_ns: int) -> None:
        memory.machine = replace(memory.machine, state=State.ACTIVE)

    world.clock.at(world.clock.now_ns + 130_000_000, wake)


def _drive_without_permit(world: World) -> None:
    """A bug: servo drives on when the permit has lapsed."""
    held = world.site.arm_command.value
    step = world.site.servo.step
    world.guard_task.paused = True

    def rogue(inputs: object) -> object:
        out = step(inputs)  # type: ignore[arg-type]
        report = replace(out.report, yielding=False, lapsed=False)
        return replace(out, command=replace(held, stamp_ns=out.command.stamp_ns), report=report)

    world.site.servo.step = rogue  # type: ignore[assignment,method-assign]


def _break_numbers(world: World) -> None:
    """A bug: guard permits a force that is no number."""
    permit = world.site.permit
    put = permit.put
    permit.put = lambda value: put(replace(value, f_max_n=float("nan")))  # type: ignore[method-assign]


def _skip_a_cycle(world: World) -> None:
    memory = world.site.guard.memory
    memory.cycle += 1


def _read_the_wall_clock(world: World) -> None:
    import time

    def read(now_ns: int) -> None:
        time.time()

    after(world.guard_task, read)


def _press_hard(world: World) -> None:
    truth = world.site.arm
    put = truth.put
    truth.put = lambda value: put(replace(value, contact_force_n=30.0))  # type: ignore[method-assign]


BUGS: dict[str, Callable[[World], None]] = {
    "I1": _drive_without_permit,
    "I4": _resurrect,
    "I6": _press_hard,
    "I7": _break_numbers,
    "I9": _skip_a_cycle,
    "I10": _read_the_wall_clock,
}


@pytest.mark.parametrize("name", BUGS)
def test_the_watch_sees_a_broken_invariant(
    watched: tuple[World, Watch, list[str]], name: str
) -> None:
    world, watch, _ = watched
    fault = Fault(name, BUGS[name], follows=Follows.OPEN, watch_s=0.2)
    outcome = branch(world, lambda copy: run_fault(copy, watch, fault))
    assert any(text.startswith(f"{name} ") for text in outcome.broken), outcome


def test_the_watch_sees_a_forged_frame_that_is_accepted(
    watched: tuple[World, Watch, list[str]],
) -> None:
    """Guard takes whatever comes: every judge of authenticity is out of work."""
    world, watch, _ = watched
    forged = next(f for f in TABLE if f.name == "forged frames")

    def inject(copy: World) -> None:
        from safety.states import Authenticity

        copy.site._authenticity = lambda: Authenticity.GENUINE  # type: ignore[method-assign]
        forged.inject(copy)

    fault = replace(forged, inject=inject, watch_s=0.2)
    outcome = branch(world, lambda copy: run_fault(copy, watch, fault))
    assert any(text.startswith("OWN ") for text in outcome.broken), outcome


def test_a_press_stops_what_moves(watched: tuple[World, Watch, list[str]]) -> None:
    world, _, _ = watched
    found = branch(world, lambda copy: press(copy, State.ACTIVE, True, 0.003))
    assert 0.0 <= found.took_ms <= 20.0


def test_a_spec_survives_storage() -> None:
    spec = Spec(Kind.PAIR, first=5, count=2, words=("link",))
    assert msgspec.json.decode(msgspec.json.encode(spec), type=Spec) == spec


# What a stop adds, and what breathing adds on closed brakes.


def test_closed_brakes_add_little_until_standstill_and_then_no_more_than_a_breath() -> None:
    found = _numbers(braked.measure(Spec(Kind.BRAKED, count=1)))
    stop_n, later_n = found["added until standstill max"], found["later, breathing: force max"]
    bound_n = found["later, breathing: bound max"]
    assert stop_n is not None
    assert later_n is not None
    assert bound_n is not None
    assert 0.0 <= stop_n <= 1.0
    assert later_n <= bound_n <= later_n + 8.0, "a bound that says nothing would be large"
    assert found["above its bound"] == 0


def test_the_bound_grows_with_the_breath() -> None:
    scene = load_scene()
    deep = msgspec.structs.replace(scene.breathing, peak_to_peak_m=0.016)
    assert braked.bound_n(scene, 5.0) > 5.0
    deeper = msgspec.structs.replace(scene, breathing=deep)
    assert braked.bound_n(deeper, 5.0) > braked.bound_n(scene, 5.0)


# Real processes that do not start.

ROW = REAL[0].must.name
AWAY = real.Once(msgspec.structs.replace(GOOD, fault=ROW), (), (), ())


def test_an_injection_that_was_not_made_is_tried_again_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def once(row: object, seed: int, limits: str) -> real.Once:
        calls.append(seed)
        if len(calls) == 2:
            raise NotMadeError("nobody came")
        return AWAY

    monkeypatch.setattr(real, "_once", once)
    measured = real.measure(RealSpec(ROW, repeats=3, seed=5))
    numbers = _numbers(measured)
    assert len(calls) == 4
    assert (numbers["injections"], numbers["injections not made"]) == (3, 0)
    assert any("nobody came" in note for note in measured.notes)


def test_a_machine_on_which_nothing_starts_is_not_asked_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def once(row: object, seed: int, limits: str) -> real.Once:
        calls.append(seed)
        raise NotMadeError("the demo ended")

    monkeypatch.setattr(real, "_once", once)
    with pytest.raises(NotMadeError, match="the demo ended"):
        real.measure(RealSpec(ROW, repeats=9))
    assert len(calls) == real.FAILURES_MAX


SPANS = [(100, 200), (300, 400)]


@pytest.mark.parametrize(
    ("at_ns", "inside", "with_before"),
    [(39, False, False), (40, False, True), (99, False, True), (100, True, True),
     (200, True, True), (201, False, False), (299, False, False), (300, True, True),
     (400, True, True), (401, False, False)],
)  # fmt: skip
def test_what_comes_in_rounds_counts_inside_them(
    at_ns: int, inside: bool, with_before: bool
) -> None:
    assert within(at_ns, SPANS) is inside
    assert within(at_ns, SPANS, before_ns=60) is with_before


def test_stops_in_the_pauses_are_told_from_those_under_the_disturbance() -> None:
    begun = [Change(at, State.ACTIVE, State.HOLD, Cause.MISSED_SLOTS) for at in (150, 250, 251)]
    others = [Change(150, State.HOLD, State.SAFE_STOP, Cause.COMMAND_AGE),
              Change(99, State.ACTIVE, State.HOLD, Cause.COMMAND_AGE),
              Change(350, State.HOLD, State.ACTIVE, Cause.NONE)]  # fmt: skip
    found = {f.name: f.value for f in stops([*begun, *others], SPANS)}
    assert found == {"stops meanwhile": 1, "stops in the pauses": 2}
    assert stops(begun, SPANS[:1]) == ()


def test_processes_that_outlive_their_demo_are_found_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    sleeper = subprocess.Popen([sys.executable, "-c", "input()", str(run_dir)],
                               stdin=subprocess.PIPE)  # fmt: skip
    monkeypatch.setattr(leftover, "PATIENCE_NS", 0)
    try:
        # Its command line can be read a moment after the call that starts it came back.
        until_ns = clock.now_ns() + 20_000_000_000
        while not (found := leftover.processes_of(run_dir)) and clock.now_ns() < until_ns:
            pass
        assert found == [sleeper.pid]
        assert leftover.sweep(run_dir) == 1
        assert sleeper.wait(20) == -signal.SIGKILL
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert not run_dir.exists()
