"""What guard decided and people did becomes entries; free text never does."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

from record_samples import guard_step

from safety import messages as m
from safety.states import Cause, Instrument, NeedlePlan, State
from teleop.audit.follow import Fact, GuardWatch, noted
from teleop.audit.lines import Kind


def step(**report: object) -> bytes:
    base = guard_step(1)
    outputs = base.outputs
    quiet = {"state": State.ARMED, "first_out": Cause.NONE, "epoch": 7, "session": 3}
    changed = dataclasses.replace(outputs.report, **(quiet | report))  # type: ignore[arg-type]
    return m.GUARD_STEP.pack(
        dataclasses.replace(base, outputs=dataclasses.replace(outputs, report=changed))
    )


def facts(*reports: Mapping[str, object]) -> list[Fact]:
    watch = GuardWatch()
    watch.step(step())
    return [fact for report in reports for fact in watch.step(step(**report))]


def test_the_first_step_says_limits_and_state_and_repeats_say_nothing() -> None:
    watch = GuardWatch()
    first = watch.step(step(limits_hash=5, limits_widened=True))
    assert [(f.kind, f.value, f.name, f.detail) for f in first] == [
        (Kind.LIMITS, 5, "", "widened"), (Kind.STATE, 7, "ARMED", ""),
    ]  # fmt: skip
    assert watch.step(step(limits_hash=5, limits_widened=True)) == []
    stopped = GuardWatch().step(step(state=State.SAFE_STOP, first_out=Cause.GUARD_RESTARTED))
    assert stopped[1] == Fact(Kind.STOPPED, 3, "SAFE_STOP", 7, "GUARD_RESTARTED")


def test_every_decision_that_matters_makes_its_entry() -> None:
    assert facts({"consent": True}) == [Fact(Kind.ALLOWED, 3, value=7)]
    assert facts({"consent": True}, {}) == [
        Fact(Kind.ALLOWED, 3, value=7), Fact(Kind.REVOKED, 3, value=7),
    ]  # fmt: skip
    engaged = facts({"engagement": 4, "state": State.ACTIVE})
    assert Fact(Kind.ENGAGED, 3, value=4, detail="7") in engaged
    assert Fact(Kind.STATE, 3, "ACTIVE", 7) in engaged
    assert facts({"state": State.HOLD, "first_out": Cause.COMMAND_AGE}) == [
        Fact(Kind.STOPPED, 3, "HOLD", 7, "COMMAND_AGE")
    ]
    assert facts({"instrument": Instrument.PROBE_NEEDLE}) == [
        Fact(Kind.INSTRUMENT, name="PROBE_NEEDLE")
    ]
    planned = {"needle_plan": NeedlePlan.PROPOSED, "needle_goal_m": 0.0423}
    confirmed = planned | {"needle_plan": NeedlePlan.CONFIRMED}
    assert facts(planned, confirmed) == [
        Fact(Kind.NEEDLE, 3, "PROPOSED", 42300), Fact(Kind.NEEDLE, 3, "CONFIRMED", 42300),
    ]  # fmt: skip
    assert facts({"needle_attempts": 1}) == [Fact(Kind.NEEDLE, 3, "ADVANCED", 1)]
    assert facts({"limits_hash": 99}) == [Fact(Kind.LIMITS, value=99)]


def test_a_stop_that_gets_a_worse_cause_is_a_new_entry() -> None:
    hold = {"state": State.HOLD, "first_out": Cause.OPERATOR_RELEASE}
    worse = {"state": State.HOLD, "first_out": Cause.CONSOLE_LOST}
    assert [f.detail for f in facts(hold, worse)] == ["OPERATOR_RELEASE", "CONSOLE_LOST"]


def test_a_bad_link_fills_no_log_while_nothing_moves() -> None:
    quiet = [{"state": s} for s in (State.CONNECTED, State.IDLE, State.QUALIFIED, State.INIT)]
    assert [f.name for f in facts(*quiet)] == ["CONNECTED"], "from ARMED down, then silence"


def note(**content: object) -> bytes:
    return json.dumps(content).encode()


def test_joins_leases_and_acts_of_people_are_taken_from_the_notes() -> None:
    assert noted("gateway", note(event="joined", session=4, role="console")) == Fact(
        Kind.JOINED, 4, "console", 0, "gateway"
    )
    assert noted("gateway", note(event="event", kind="STOP", arg=1, session=4)) == Fact(
        Kind.ACT, 4, "STOP", 1, "gateway"
    )
    assert noted("gateway", note(event="lease", session=5)) == Fact(Kind.LEASE, 5, detail="gateway")
    stage = noted("gateway", note(event="needle_stage", stage="CONFIRMED"))
    assert stage == Fact(Kind.NEEDLE, 0, "CONFIRMED", 0, "gateway")
    assert noted("supervisor", note(kind="ended", process="media", how="killed")) == Fact(
        Kind.PROCESS, 0, "media", 0, "supervisor"
    )
    for other in (b"", b"[]", b"\xff", note(event="phrase", id="hello"), note(kind="started")):
        assert noted("gateway", other) is None


def test_free_text_never_reaches_the_log() -> None:
    for text in ("Erika Muster, 1970", "a\nb", "ü", "x" * 500):
        fact = noted("gateway", note(event="joined", session=1, role=text, detail=text))
        assert fact is not None
        assert fact.detail == "gateway"
        assert text not in fact.name
    assert noted("gateway", note(event="joined", session="1; drop", role="console")) == Fact(
        Kind.JOINED, 0, "console", 0, "gateway"
    )
