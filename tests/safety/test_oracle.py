"""Hypothesis plays people and faults against the whole core; an independent oracle predicts it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache, partial

import pytest
from harness import Rig
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from safety_oracle import MOVING, SETUP, Oracle

from safety.limits import Limits
from safety.states import EventKind, PermitKind, Source, State

LIMITS = Limits(qualify_s=0.5, consent_s=30.0, short_hold_ms=0.0, bucket_ms=1000.0, bucket_refill=1)
SETTLE_S = 0.2
GROUP = {
    State.INIT: SETUP, State.IDLE: SETUP, State.CONNECTED: SETUP, State.QUALIFIED: SETUP,
    State.ACTIVE: MOVING, State.DEGRADED: MOVING,
}  # fmt: skip
FAULTS = ("link", "picture", "closed", "hidden", "silent", "input", "force", "sensor", "servo",
          "arm")  # fmt: skip


@cache
def armed() -> Rig:
    rig = Rig(LIMITS)
    rig.to_armed()
    rig.run(SETTLE_S)
    return rig


class PeopleAndFaults(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rig = copy.deepcopy(armed())
        self.oracle = Oracle()
        assert self.rig.state == State.ARMED

    def _pass(self, seconds: float = SETTLE_S) -> None:
        self.rig.run(seconds)
        self.oracle.settle(seconds)

    @rule(name=st.sampled_from(FAULTS))
    def fault(self, name: str) -> None:
        self._set(name, True)
        self.oracle.faults.add(name)
        self._pass()

    @rule(name=st.sampled_from(FAULTS))
    def mend(self, name: str) -> None:
        self._set(name, False)
        self.oracle.faults.discard(name)
        self._pass()

    @rule()
    def mend_all(self) -> None:
        for name in sorted(self.oracle.faults):
            self._set(name, False)
        self.oracle.faults.clear()
        self._pass(0.7)

    def _set(self, name: str, broken: bool) -> None:
        rig = self.rig
        if name == "link":
            rig.console_alive = not broken
            rig.command_due = rig.now
        elif name == "picture":
            rig.content_moves = not broken
        elif name == "closed":
            rig.set_gateway(console_open=not broken)
        elif name == "hidden":
            rig.set_gateway(bedside_visible=not broken)
        elif name == "silent":
            rig.set_gateway(bedside_sound=not broken)
        elif name == "input":
            rig.bedside_input = not broken
        elif name in ("force", "sensor"):
            wrong = 27.0 if name == "force" else math.nan
            rig.force_n = wrong if broken else 0.0
        else:
            setattr(rig, f"{name}_alive", not broken)

    @rule()
    def press(self) -> None:
        if not self.rig.deadman:
            self.rig.press()
        self.oracle.press()
        self._pass()

    @rule()
    def release(self) -> None:
        self.rig.release()
        self.oracle.release()
        self._pass()

    @rule()
    def work_again(self) -> None:
        """All that people have to do until the arm moves; alone, chance would seldom get there."""
        self.mend_all()
        self.release()
        self.give_arm()
        self.acknowledge()
        self.read_mark()
        self.allow()
        self.press()

    @rule()
    def acknowledge(self) -> None:
        self.rig.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
        self.oracle.acknowledge()
        self._pass()

    @rule()
    def allow(self) -> None:
        self.rig.send(EventKind.ALLOW_MOTION)
        self.oracle.allow()
        self._pass()

    @rule(hold=st.sampled_from([False, False, False, True]))
    def stop(self, hold: bool) -> None:
        self.rig.send(EventKind.STOP, 1)
        self.oracle.cause("stop", "SAFE_STOP")
        self._pass()
        if hold:
            self.rig.send(EventKind.ESTOP)
            self.oracle.cause("estop", "ESTOP")
        self.rig.send(EventKind.STOP, 0)
        self._pass()

    @rule()
    def console_stop(self) -> None:
        self.rig.send(EventKind.STOP, 1, Source.CONSOLE)
        self.oracle.cause("console", "HOLD")
        self._pass()

    @rule()
    def take_arm(self) -> None:
        self.rig.send(EventKind.LOCAL_ENTER)
        self.oracle.take_arm()
        self._pass()

    @rule()
    def give_arm(self) -> None:
        self.rig.send(EventKind.LOCAL_EXIT)
        self.oracle.give_arm()
        self._pass()

    @rule()
    def read_mark(self) -> None:
        self._pass(0.7)
        if self.rig.report.mark >= 0:
            self.rig.send(EventKind.MARK_ANSWER, self.rig.report.mark, Source.CONSOLE)
            self._pass()
            self.oracle.mark = self.rig.report.mark_ok

    @invariant()
    def the_state_is_what_the_concept_promises(self) -> None:
        state = self.rig.state
        wanted = self.oracle.state
        assert GROUP.get(state, state.name) == wanted, (self.rig.describe(), self.oracle)
        out = self.rig.out
        assert out is not None
        moving = wanted == MOVING
        assert (out.permit.kind == PermitKind.OPERATE) == moving
        if wanted in (SETUP, "ESTOP"):
            assert out.enable.brake


def in_hand() -> PeopleAndFaults:
    played = PeopleAndFaults()
    played.take_arm()
    return played


def moving() -> PeopleAndFaults:
    played = PeopleAndFaults()
    played.press()
    return played


def held() -> PeopleAndFaults:
    played = moving()
    played.release()
    return played


def stopped() -> PeopleAndFaults:
    played = moving()
    played.stop(hold=False)
    return played


@pytest.mark.parametrize("begin", [PeopleAndFaults, moving, held, stopped, in_hand])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_from_every_kind_of_state(
    begin: Callable[[], PeopleAndFaults], name: str
) -> None:
    """The fault comes, people do what they can against it, it goes, and they start again."""
    played = begin()
    played.the_state_is_what_the_concept_promises()
    for act in (partial(played.fault, name), played.acknowledge, played.allow,
                partial(played.mend, name), played.mend_all, played.release, played.give_arm,
                played.acknowledge, played.read_mark, played.allow, played.press):  # fmt: skip
        act()
        played.the_state_is_what_the_concept_promises()


# Whoever changes the core or the oracle: once with derandomize=False and max_examples=1500.
TestPeopleAndFaults = PeopleAndFaults.TestCase
TestPeopleAndFaults.settings = settings(
    max_examples=10,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a failure is told as found: shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
