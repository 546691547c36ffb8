"""Seeded random walks over faults and people, judged by a small independent oracle (I1 to I8).

The oracle does not use the transition tables. It sees inputs and outputs only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import BEDSIDE, CONSOLE, MS, Rig, prepared

from safety import messages as m
from safety.limits import Limits
from safety.states import Cause, Contact, EventKind, Instrument, PermitKind, Source, State

LIMITS = Limits()
MOVING = (State.ACTIVE, State.DEGRADED)
LATCHED = (State.SAFE_STOP, State.FAULT, State.ESTOP)
STOPPED = (State.HOLD, *LATCHED)
BY_TIME = 1 << Cause.LINK_UNSTABLE | 1 << Cause.HOLD_TOO_LONG
STOPS = sum(
    1 << cause
    for cause in (
        Cause.BEDSIDE_STOP, Cause.BEDSIDE_ESTOP, Cause.FORCE_OVER_LIMIT,
        Cause.FORCE_SENSOR_INVALID, Cause.INSTRUMENT_UNKNOWN, Cause.SPEED_OVER_PERMIT,
        Cause.STANDSTILL_VIOLATED, Cause.ARM_SILENT, Cause.ARM_POWER_LOST, Cause.SERVO_LOST,
        Cause.SERVO_IGNORES_PERMIT, Cause.BRAKE_FAILED, Cause.GUARD_OVERRUN,
        Cause.GUARD_RESTARTED, Cause.SUPERVISOR_LOST, Cause.SHUTDOWN, Cause.EPOCH_STORE_FAILED,
        Cause.INTERNAL_ERROR, Cause.SERVO_RESTARTED, Cause.ARM_RESTARTED,
        Cause.CONTACT_POWER_OVER_LIMIT, Cause.POSE_INVALID,
    )
)  # fmt: skip
"""Causes of a latched stop that are more than a HOLD grown too long."""
RANK = {State.ACTIVE: 0, State.DEGRADED: 1, State.HOLD: 2, State.SAFE_STOP: 3,
        State.FAULT: 4, State.ESTOP: 5}  # fmt: skip


class Oracle:
    """Checks every step against the invariants of docs/safety-concept.md."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.before: m.GuardOutputs | None = None
        self.acknowledged = False
        self.pressed = False
        self.stop_needs_press = False
        self.last_seq: tuple[int, int] = (-1, -1)

    def see(self, i: m.GuardInputs, out: m.GuardOutputs) -> None:
        r, p = out.report, out.permit
        previous = self.before.report.state if self.before else State.INIT
        self._hear(i, previous)
        self._permit(i, out)
        self._commands(i, out)
        if previous in LATCHED and r.state not in (*LATCHED, State.LOCAL):  # I4
            assert self.acknowledged, "left a latched stop without the console"
            assert self.pressed, "left a latched stop without the bedside"
        if previous in RANK and r.state in RANK and RANK[r.state] < RANK[previous]:  # I3
            assert (previous, r.state) in {
                (State.DEGRADED, State.ACTIVE), (State.HOLD, State.DEGRADED),
                (State.HOLD, State.ACTIVE), (State.FAULT, State.SAFE_STOP),
                (State.ESTOP, State.SAFE_STOP),
            }  # fmt: skip
        if r.state == State.ARMED and previous != State.ARMED:
            assert any(e.kind == EventKind.ALLOW_MOTION for e in i.events)
            assert self.before is not None
            assert r.epoch > self.before.report.epoch
        if r.state in MOVING and previous not in MOVING:
            assert previous in (State.ARMED, State.HOLD)
            assert not self.stop_needs_press, "moved again without the bedside"
            assert p.command.deadman
        if r.state in LATCHED:
            if previous not in LATCHED and previous != State.LOCAL:
                self.acknowledged = self.pressed = False
            self.stop_needs_press = True
        self.before = out

    def _hear(self, i: m.GuardInputs, previous: State) -> None:
        for e in i.events:
            bedside = e.source == Source.BEDSIDE_PAGE and e.session == i.gateway.bedside_session
            console = e.source == Source.CONSOLE and e.session == i.gateway.console_session
            if e.kind == EventKind.ALLOW_MOTION and bedside:
                self.pressed, self.stop_needs_press = True, False
            if e.kind == EventKind.ACKNOWLEDGE and console:
                self.acknowledged = True
            if e.kind == EventKind.STOP and e.source != Source.CONSOLE and e.arg:
                self.stop_needs_press = True

    def _permit(self, i: m.GuardInputs, out: m.GuardOutputs) -> None:
        r, p = out.report, out.permit
        assert 0 < p.valid_until_ns - i.now_ns <= self.limits.permit_life_ms * MS
        if p.kind == PermitKind.NONE:
            assert out.enable.brake
        else:  # I1
            assert not out.enable.brake
            assert out.enable.power
            assert r.state not in (State.INIT, State.IDLE, State.CONNECTED, State.QUALIFIED)
            assert r.state != State.ESTOP
            assert p.epoch <= i.epoch_durable
            assert i.arm.force_valid
            assert all(map(math.isfinite, i.arm.force_n))
        if p.kind == PermitKind.OPERATE:
            assert r.state in MOVING
        if r.state in MOVING:
            assert p.kind == PermitKind.OPERATE
        if r.contact in (Contact.UNKNOWN, Contact.NEEDLE_IN_TISSUE):  # I5
            assert p.kind in (PermitKind.NONE, PermitKind.OPERATE, PermitKind.REGULATE)
            assert p.kind == PermitKind.REGULATE or p.v_max_m_s == 0.0
            if p.kind == PermitKind.REGULATE:  # the probe follows the skin, the axis is braked
                assert r.contact == Contact.NEEDLE_IN_TISSUE
                assert r.state in (State.ARMED, State.HOLD, State.SAFE_STOP)
                if r.state == State.SAFE_STOP:  # a HOLD that lasted too long, and nothing worse
                    assert r.causes & BY_TIME
                    assert not r.causes & STOPS
                assert p.needle_pivot_rad_s == 0.0
        if r.state != State.ACTIVE:
            assert not p.needle_advance
        assert 0.0 <= p.v_max_m_s <= 0.1  # I6
        assert 0.0 <= p.f_max_n <= 20.0
        if p.kind == PermitKind.REGULATE:
            assert p.f_max_n <= 5.0
        if r.state == State.DEGRADED:
            assert p.v_max_m_s <= 0.025
            assert p.f_max_n <= 10.0

    def _commands(self, i: m.GuardInputs, out: m.GuardOutputs) -> None:
        c, r = out.permit.command, out.report
        numbers = (*c.hand_p_m, *c.hand_r_rad, *c.hand_v_m_s, *c.hand_w_rad_s, c.force_ref_n)
        assert all(math.isfinite(x) and (x == 0 or abs(x) > 1e-300) for x in numbers)  # I7
        if r.state in MOVING:  # I2
            assert i.now_ns - c.echo_ns <= self.limits.command_age_ms * MS
            assert c.epoch == r.epoch
        key = (c.epoch, c.seq)
        assert key >= self.last_seq or c.seq == 0
        self.last_seq = key


Action = Callable[[Rig, random.Random], None]


def _event(kind: EventKind, arg: int = 1, source: Source = Source.BEDSIDE_PAGE) -> Action:
    return lambda rig, rng: rig.send(kind, arg, source)


def _toggle(name: str) -> Action:
    return lambda rig, rng: setattr(rig, name, not getattr(rig, name))


def _choose(name: str, *values: object) -> Action:
    return lambda rig, rng: setattr(rig, name, rng.choice(values))


def _gateway(name: str, *values: object) -> Action:
    return lambda rig, rng: rig.set_gateway(**{name: rng.choice(values)})


def _restart(name: str) -> Action:
    def act(rig: Rig, rng: random.Random) -> None:
        setattr(rig, name, replace(getattr(rig, name), incarnation=rng.getrandbits(31)))

    return act


def _garbage(rig: Rig, rng: random.Random) -> None:
    rig.frame, rig.frame_seq = rng.randbytes(m.FRAME_BYTES), rig.frame_seq + 1


def _stall(rig: Rig, rng: random.Random) -> None:
    rig.now += rng.choice([1, 15, 25, 200]) * MS


def _any_event(rig: Rig, rng: random.Random) -> None:
    kind, source = rng.choice(list(EventKind)), rng.choice(list(Source))
    if (kind, source) == (EventKind.SHUTDOWN, Source.SUPERVISOR):
        return  # the end of every walk
    rig.events.append(
        m.GuardEvent(kind, source, rng.randrange(-2, 5), rng.choice([0, CONSOLE, BEDSIDE, 5]), 0, 0)
    )


def _people_recover(rig: Rig, rng: random.Random) -> None:
    """Both people do everything right, so that walks come back to motion."""
    fresh = Rig()
    for name in ("arm_alive", "servo_alive", "gateway_alive", "media_alive", "console_alive",
                 "content_moves", "bedside_beats", "bedside_input", "noise", "arm_obeys_brake",
                 "epoch_store", "link_ms", "picture_delay_ms", "force_n", "speed", "hand_v",
                 "mode"):  # fmt: skip
        setattr(rig, name, getattr(fresh, name))
    rig.set_gateway(bedside_session=BEDSIDE, bedside_visible=True, bedside_sound=True,
                    console_session=CONSOLE, console_open=True)  # fmt: skip
    rig.beat_due = rig.frame_due = rig.command_due = rig.now
    rig.release()
    for kind, arg, source in (
        (EventKind.STOP, 0, Source.BEDSIDE_PAGE), (EventKind.STOP, 0, Source.BEDSIDE_KEY),
        (EventKind.LOCAL_EXIT, 1, Source.BEDSIDE_PAGE), (EventKind.LIFT, 0, Source.BEDSIDE_PAGE),
        (EventKind.ACKNOWLEDGE, 1, Source.CONSOLE),
        (EventKind.ALLOW_MOTION, 1, Source.BEDSIDE_PAGE),
    ):  # fmt: skip
        rig.send(kind, arg, source)
        rig.run(0.05)
    rig.key_stop(0.01)
    rig.send(EventKind.DECLARE_INSTRUMENT, rng.choice([Instrument.PROBE] * 3 + [Instrument(3)]))
    rig.run(0.8)
    rig.send(EventKind.MARK_ANSWER, rig.report.mark, Source.CONSOLE)
    rig.run(0.05)
    rig.send(EventKind.ACKNOWLEDGE, source=Source.CONSOLE)
    rig.step()
    rig.send(EventKind.ALLOW_MOTION)
    rig.run(0.2)
    rig.press()
    rig.run(0.1)


ACTIONS: list[tuple[int, Action]] = [
    (4, lambda rig, rng: rig.press()),
    (4, lambda rig, rng: rig.release()),
    (6, _any_event),
    (2, _event(EventKind.ALLOW_MOTION)),
    (1, _event(EventKind.STOP, 1, Source.BEDSIDE_KEY)),
    (1, _event(EventKind.STOP, 0, Source.BEDSIDE_KEY)),
    (2, _event(EventKind.ACKNOWLEDGE, 1, Source.CONSOLE)),
    (1, _event(EventKind.LIFT)),
    (1, _event(EventKind.LOCAL_ENTER)),
    (1, _event(EventKind.LOCAL_EXIT)),
    (1, _toggle("servo_alive")),
    (1, _toggle("arm_alive")),
    (1, _toggle("gateway_alive")),
    (1, _toggle("media_alive")),
    (2, _toggle("console_alive")),
    (2, _toggle("content_moves")),
    (1, _toggle("bedside_beats")),
    (1, _toggle("bedside_input")),
    (1, _toggle("noise")),
    (1, _toggle("arm_obeys_brake")),
    (1, _toggle("epoch_store")),
    (2, _choose("link_ms", 4.0, 30.0, 48.0, 60.0)),
    (2, _choose("picture_delay_ms", 20.0, 45.0, 60.0, 90.0, 160.0)),
    (2, _choose("force_n", 0.0, 3.0, 9.0, 26.0, math.nan, math.inf)),
    (1, _choose("speed", 0.0, 0.0, 0.02, 0.2, math.nan)),
    (1, _choose("hand_v", (0.0, 0.0, 0.0), (0.1, 0.0, 0.0))),
    (1, _choose("mode", 0, 1)),
    (1, _gateway("console_session", CONSOLE, 0, 12)),
    (1, _gateway("console_open", True, False)),
    (1, _gateway("bedside_session", BEDSIDE, 0)),
    (1, _gateway("bedside_visible", True, False)),
    (1, _gateway("bedside_sound", True, False)),
    (1, _restart("arm")),
    (1, _restart("servo")),
    (1, _restart("gateway")),
    (1, _restart("media")),
    (3, _garbage),
    (1, _stall),
]


def quick_rig(seed: int) -> Rig:
    rig = Rig(Limits(qualify_s=0.5), seed=seed)
    rig.to_active()
    return rig


@pytest.mark.parametrize("seed", range(5))
def test_random_walks_keep_the_invariants(seed: int) -> None:
    rng = random.Random(seed)
    rig = quick_rig(seed)
    oracle = Oracle(rig.limits)
    oracle.before = rig.out
    step = rig.step

    def judged() -> m.GuardOutputs:
        out = step()
        assert rig.inputs is not None
        oracle.see(rig.inputs, out)
        return out

    rig.step = judged  # type: ignore[method-assign]
    actions = [action for weight, action in ACTIONS for _ in range(weight)]
    seen = set()
    motions = 0
    for _ in range(45):
        for _ in range(rng.randrange(1, 4)):
            rng.choice(actions)(rig, rng)
        rig.run(rng.choice([0.004, 0.02, 0.06, 0.2]))
        seen.add(rig.state)
        if rng.random() < 0.2 or rig.state in LATCHED:
            _people_recover(rig, rng)
            motions += rig.state in MOVING
            seen.add(rig.state)
    assert motions >= 2, "the walk must come back to motion to say anything"
    assert len(seen) >= 3


@pytest.mark.parametrize("stage", ["to_connected", "to_qualified", "to_armed", "to_active"])
def test_the_bedside_wins_whatever_else_happens_in_the_same_step(stage: str) -> None:
    """I8: with every other event in the same step, a stop is a stop."""
    others = [
        m.GuardEvent(kind, source, arg, session, 0, 0)
        for kind in EventKind
        for source, session in ((Source.BEDSIDE_PAGE, BEDSIDE), (Source.CONSOLE, CONSOLE))
        for arg in (0, 1)
        if kind != EventKind.STOP
    ]
    for other in others:
        rig = prepared(stage)
        rig.events = [other]
        rig.send(EventKind.STOP, 1)
        out = rig.step()
        assert out.report.state in LATCHED, other.kind.name
        assert out.permit.kind in (PermitKind.NONE, PermitKind.REGULATE)
