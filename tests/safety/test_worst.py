"""Before anything is known everything has its worst value; the limits are those of the page."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest
from harness import MS, S, arm_state

from safety.bedside import BedsidePage, LiftButton, StopButton, StopTest
from safety.bounds import ABSOLUTE, Wider
from safety.consent import Consent
from safety.contact import ContactWatch
from safety.engage import Deadman
from safety.epochs import Epoch
from safety.frames import FrameIndex
from safety.gate import Gate, Rejection
from safety.guide import Checklist, missing, ready
from safety.limits import DEFAULT, Limits
from safety.liveness import Peer
from safety.machine import Facts, Machine, step
from safety.mark import Mark
from safety.memory import Memory
from safety.messages import SERVO_REPORT
from safety.needle import NeedleWatch
from safety.permit import BRAKE, Situation, decide
from safety.power import Power
from safety.qualify import Qualifier
from safety.states import Alarm, Contact, Instrument, NeedlePlan, PermitKind, State, Step
from safety.watchdog import Bucket, Dwell, Loop, Slots

NOW = 1000 * S
LIMITS = Limits()
PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
ROWS = re.findall(
    r"^\| `(\w+)` \| (.+?) \| .+? \| (.+?) \| (.+?) \.\. (.+?) \|", PAGE.read_text(), re.M
)
WAYS = {"raising": Wider.UP, "lowering": Wider.DOWN}


def test_the_page_names_every_limit() -> None:
    assert {row[0] for row in ROWS} == set(ABSOLUTE)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_limit_and_its_ends_are_those_of_the_page(row: tuple[str, ...]) -> None:
    name, default, way, low, high = row
    value, bound = getattr(DEFAULT, name), ABSOLUTE[name]
    assert ast.literal_eval(default) == value
    assert bound.wider == WAYS.get(way, Wider.EITHER)
    assert (f"{bound.low:g}", f"{bound.high:g}") == (low, high)


def test_a_machine_that_knows_nothing_stays_where_it_is() -> None:
    assert step(Machine(), Facts(now_ns=NOW), LIMITS) == Machine(state=State.INIT)
    for state in (State.ARMED, State.HOLD, State.SAFE_STOP, State.FAULT, State.ESTOP):
        still = step(Machine(state=state), Facts(now_ns=NOW), LIMITS)
        assert still.state == state, "no person, no change"
    assert Machine().first_out == 0
    assert Machine().local_from == State.IDLE


@pytest.mark.parametrize("state", list(State))
def test_a_situation_that_knows_nothing_brakes(state: State) -> None:
    assert decide(Situation(state=state), LIMITS) is BRAKE
    assert dataclasses.astuple(BRAKE) == (
        PermitKind.NONE, 0.0, 0.0, 0.0, 0.0, 0.0, False, False, 0.0, True, 0.0, 0.0,
    )  # fmt: skip
    s = Situation(state=state)
    assert (s.contact, s.instrument) == (Contact.UNKNOWN, Instrument.UNKNOWN)
    assert not any((s.live, s.needle_released, s.image_fresh, s.lift))


def test_nothing_is_pressed_joined_consented_or_tested() -> None:
    assert not StopButton().causes(NOW, LIMITS)
    assert not StopTest().done
    assert not BedsidePage().here(0, LIMITS), "no page has joined"
    assert not LiftButton().held(0)
    assert Consent().given_ns == 0
    assert Consent().until_ns(State.ARMED, LIMITS) == 0
    assert not Checklist().alive
    assert not ready(Checklist())
    assert missing(Checklist()) == Step.WAIT_FOR_ARM


def test_nobody_lives_and_no_epoch_is_usable() -> None:
    assert Peer().lost
    assert not Peer().seen
    assert not Epoch().usable()
    assert not Epoch().failed(0)
    power = Power()
    assert not any((power.ordered, power.cut, power.on, power.was_on))
    assert not power.lost(True)


def test_nothing_was_seen_heard_or_proven() -> None:
    frames = FrameIndex()
    assert frames.image_ms(NOW) == -1.0
    assert frames.unchanged_ms(NOW) > LIMITS.picture_frozen_ms
    assert frames.present(0, NOW) is None
    mark = Mark()
    assert (mark.value, mark.ok, mark.presented) == (-1, False, False)
    assert not mark.answer(-1, 5, NOW), "no number is shown"
    assert Qualifier().progress(NOW, LIMITS) == 0.0
    assert Gate().last == Rejection.NONE
    assert (Gate().accepted, Gate().rejected) == (0, 0)
    servo = SERVO_REPORT.unpack(bytes(SERVO_REPORT.size))
    assert not Deadman().resumable(servo, LIMITS)


def test_nothing_was_measured() -> None:
    watch = ContactWatch()
    assert watch.contact(NOW, LIMITS) == Contact.UNKNOWN
    assert watch.force_level_n() == 0.0
    assert not watch.sensor_ok()
    assert (watch.touching, watch.needle_clear, watch.needle_home) == (False, False, False)
    assert Loop().newest_ms == -1.0
    assert Loop().average_ms(NOW, LIMITS) == -1.0
    assert not Loop().late(LIMITS)
    assert Slots().advance(NOW, LIMITS) == 0
    assert Bucket().left_ms(LIMITS) == LIMITS.bucket_ms
    assert Dwell().frame_id == -1


def test_the_first_dwell_of_a_new_console_is_believed() -> None:
    assert Dwell().trusted_ms(7, 20_000, NOW, LIMITS) == 20.0


def test_no_needle_was_planned_or_advanced() -> None:
    needle = NeedleWatch()
    assert (needle.plan, needle.goal_m, needle.attempts) == (NeedlePlan.NONE, 0.0, 0)
    assert not needle.may_advance(True, 0.001, arm_state(NOW))
    assert not needle.confirm(0), "nothing was proposed"


def test_memory_begins_with_nothing_in_use() -> None:
    m = Memory()
    assert not m.in_use.valid
    assert not m.in_use.frame_known
    assert m.in_use.haptic_ms == -1.0
    assert m.in_use.applied_seq == -1
    assert (m.lease.session, m.lease.open) == (0, False)
    assert (m.stop.running, m.stop.stop_ms) == (False, -1.0)
    assert not any((m.shutdown, m.leaving, m.needle_allowed, m.discomfort))
    assert m.motion.kind == PermitKind.NONE
    assert Alarm.NONE < Alarm.LOW < Alarm.MEDIUM < Alarm.HIGH


def test_a_motion_watch_that_saw_nothing_is_not_at_rest() -> None:
    motion = Memory().motion
    assert not motion.at_rest(LIMITS)
    motion.order(PermitKind.NONE, 0.0, 0.0, True, NOW, LIMITS)
    assert not motion.at_rest(LIMITS), "brakes were ordered, not seen"
    assert motion.check(arm_state(NOW), False, NOW + 21 * MS, LIMITS), "silence is no braking"
