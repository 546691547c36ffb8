"""Messages of one step on their way into memory: processes, power, session, pictures, checklist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
from harness import MS, S
from test_causes import T0, inputs, memory
from test_gate import GOOD

from safety import assess, intake
from safety.gate import Gate, Rejection
from safety.guide import Checklist
from safety.limits import Limits
from safety.liveness import Peer
from safety.machine import Facts, Machine
from safety.memory import Memory
from safety.messages import FrameStamp, GuardInputs
from safety.people import Wishes
from safety.states import Cause, Clamp, Contact, Instrument, NeedlePlan, State
from safety.transitions import mask

LIMITS = Limits()
PEERS = {
    "arm": (Cause.ARM_SILENT, Cause.ARM_RESTARTED, 20),
    "servo": (Cause.SERVO_LOST, Cause.SERVO_RESTARTED, 20),
    "gateway": (Cause.GATEWAY_LOST, Cause.GATEWAY_RESTARTED, 50),
    "media": (Cause.MEDIA_LOST, Cause.MEDIA_RESTARTED, 150),
}


def all_here(now: int = T0, **stamps: int) -> GuardInputs:
    i = inputs(now)
    for name in PEERS:
        message = replace(getattr(i, name), stamp_ns=stamps.get(name, now), incarnation=1)
        i = replace(i, **{name: message, f"{name}_seq": 1})
    return replace(i, supervisor=True)


def session_memory() -> Memory:
    m = memory()
    m.last_ns = T0
    for name in PEERS:
        getattr(m, name).incarnation = 1
    return m


def test_everybody_here_is_no_cause() -> None:
    assert intake.peers(session_memory(), all_here(), LIMITS) == 0


@pytest.mark.parametrize("name", list(PEERS))
def test_a_silent_peer_is_lost_after_its_own_time(name: str) -> None:
    lost, _, silent_ms = PEERS[name]
    for late_ns, gone in ((silent_ms * MS, False), (silent_ms * MS + 1, True)):
        i = all_here(**{name: T0 - late_ns})
        assert intake.peers(session_memory(), i, LIMITS) == (mask(lost) if gone else 0)


@pytest.mark.parametrize("name", list(PEERS))
def test_a_restart_is_a_cause(name: str) -> None:
    i = all_here()
    other = replace(getattr(i, name), incarnation=2)
    i = replace(i, **{name: other})
    assert intake.peers(session_memory(), i, LIMITS) == mask(PEERS[name][1])


@pytest.mark.parametrize("name", list(PEERS))
def test_who_was_never_there_is_not_lost_except_who_serves_the_pages(name: str) -> None:
    m = session_memory()
    getattr(m, name).seen, getattr(m, name).lost = False, True
    i = replace(all_here(), **{f"{name}_seq": 0})  # type: ignore[arg-type]
    counts = name in ("gateway", "media")
    assert intake.peers(m, i, LIMITS) == (mask(PEERS[name][0]) if counts else 0)


def test_guard_s_own_gap_and_a_lost_supervisor() -> None:
    m = session_memory()
    m.qualifier.good_since_ns = T0 - S
    m.last_ns = T0 - 20 * MS
    assert intake.peers(m, all_here(), LIMITS) == 0
    m.last_ns = T0 - 20 * MS - 1
    assert intake.peers(m, all_here(), LIMITS) == mask(Cause.GUARD_OVERRUN)
    assert m.qualifier.good_since_ns == 0
    orphan = replace(all_here(), supervisor=False)
    assert intake.peers(session_memory(), orphan, LIMITS) == mask(Cause.SUPERVISOR_LOST)


def powered(on: bool) -> GuardInputs:
    i = inputs()
    return replace(i, arm=replace(i.arm, powered=on))


def test_a_new_power_on_asks_for_everything_again() -> None:
    m = session_memory()
    m.power.ordered = True
    m.stop_test.done, m.needle.attempts = True, 2
    assert intake.power(m, powered(True)) == 0
    assert (m.stop_test.done, m.needle.attempts) == (False, 0)
    assert m.contact.instrument == Instrument.UNKNOWN
    m.stop_test.done = True
    m.contact.declare(Instrument.PROBE)
    assert intake.power(m, powered(True)) == 0
    assert m.stop_test.done, "power stayed on"
    assert intake.power(m, powered(False)) == mask(Cause.ARM_POWER_LOST)
    m.arm.restarted = True
    intake.power(m, powered(False))
    assert not m.stop_test.done, "another box has another button"


def test_power_that_guard_did_not_give_is_foreign() -> None:
    assert intake.power(session_memory(), powered(True)) == mask(Cause.GUARD_RESTARTED)
    silent = session_memory()
    silent.arm.lost = True
    assert intake.power(silent, powered(True)) == 0


def lease(**changes: object) -> tuple[int, Memory]:
    m = session_memory()
    m.lease.changes, m.mark.ok, m.needle.plan = 1, True, NeedlePlan.CONFIRMED
    g = replace(inputs().gateway, console_session=7, console_open=True, lease_changes=1)
    gateway_lost = bool(changes.pop("lost", False))
    m.gateway.restarted = bool(changes.pop("restarted", False))
    m.lease.open = bool(changes.pop("was_open", True))
    m.lease.session = int(str(changes.pop("was", 7)))
    m.gateway.lost = gateway_lost
    return intake.session(m, replace(g, **changes), T0), m  # type: ignore[arg-type]


def test_the_same_console_changes_nothing() -> None:
    bits, m = lease()
    assert (bits, m.in_use.valid, m.mark.ok) == (0, True, True)
    assert m.epoch.value == 1 << 32
    bits, m = lease(lost=True, console_session=9)
    assert (bits, m.lease.session) == (0, 7), "nobody says so"


@pytest.mark.parametrize(
    ("change", "cause", "mark_stays"),
    [
        ({"console_session": 8}, True, False),
        ({"lease_changes": 2}, True, False),
        ({"console_session": 8, "was": 0}, False, False),
        ({"was_open": False}, False, True),
        ({"restarted": True}, False, False),
    ],
)
def test_whoever_drives_now_starts_with_nothing(
    change: dict[str, object], cause: bool, mark_stays: bool
) -> None:
    bits, m = lease(**change)
    assert bits == (mask(Cause.LEASE_CHANGED) if cause else 0)
    assert m.epoch.value == (1 << 32) + 1
    assert not m.in_use.valid
    assert m.in_use.command.echo_ns == 0
    assert (m.frames.presented_id, m.dwell.frame_id) == (-1, -1)
    assert m.mark.ok is mark_stays
    assert m.needle.plan == (NeedlePlan.NONE if cause else NeedlePlan.CONFIRMED)


def test_nothing_of_the_one_before_counts_for_whoever_drives_now() -> None:
    for driver, kept in ((7, True), (8, False)):
        m, g = session_memory(), replace(inputs().gateway, console_open=True, lease_changes=1)
        m.lease.session, m.lease.changes, m.lease.open = 7, 1, True
        m.in_use.waiting.append((1, 2, T0, 0.0))
        m.loop.add(3, 90.0, T0, LIMITS)
        m.slots.count, m.dwell.frame_id = 2, 3
        intake.session(m, replace(g, console_session=driver), T0)
        assert bool(m.in_use.waiting) is kept
        assert (m.loop.newest_ms == 90.0, m.slots.count == 2, m.dwell.frame_id == 3) == (kept,) * 3


@pytest.mark.parametrize(("before", "written", "counts"), [
    (8, 4, 2), (0, 4, 4), (8, 1, 1), (9, 4, 1), (2, 4, 4), (None, 4, 1), (10, 4, 1),
])  # fmt: skip
def test_the_frames_that_a_burst_replaced_arrived_too(
    monkeypatch: pytest.MonkeyPatch, before: int | None, written: int, counts: int
) -> None:
    m = session_memory()
    m.gate.epoch = m.epoch.value if before is not None else m.epoch.value - 1
    m.gate.seq = 9 if before is None else before
    frame = replace(
        GOOD, seq=10, epoch=m.epoch.value, echo_ns=T0 - MS,
        haptic_echo_us=(T0 - 2 * MS) // 1000 % (1 << 32), haptic_dwell_us=500,
    )  # fmt: skip
    monkeypatch.setattr(Gate, "check", lambda *_, **__: frame)
    intake.expert(m, replace(inputs(), frame_seq=m.frame_seq + written), LIMITS, 0, 0.0)
    assert m.slots.count == counts
    assert m.in_use.haptic_ms == 1.5


def seen(monkeypatch: pytest.MonkeyPatch, applied_before_ms: float) -> Memory:
    """An accepted frame whose picture (number 99) was taken 30 ms ago and looked at for 4 ms."""
    m = session_memory()
    m.gate.epoch, m.gate.seq = m.epoch.value, 9
    m.in_use.applied_sample_ns = T0 - round(applied_before_ms * MS)
    m.frames.add(FrameStamp(99, T0 - 30 * MS, 1, True, 5), T0 - 30 * MS)
    frame = replace(GOOD, seq=10, epoch=m.epoch.value, echo_ns=T0 - MS, dwell_us=4000)
    monkeypatch.setattr(Gate, "check", lambda *_, **__: frame)
    intake.expert(m, replace(inputs(), frame_seq=m.frame_seq + 1), LIMITS, 0, 6.0)
    assert m.in_use.acquired_ns == T0 - 30 * MS
    return m


@pytest.mark.parametrize(("before_ms", "loop_ms"), [
    (19.0, -1.0), (20.0, -1.0), (20.001, 32.0), (1000.0, 32.0),
])  # fmt: skip
def test_the_loop_ends_at_guard_while_servo_applies_nothing(
    monkeypatch: pytest.MonkeyPatch, before_ms: float, loop_ms: float
) -> None:
    m = seen(monkeypatch, before_ms)
    assert m.loop.newest_ms == loop_ms


@pytest.mark.parametrize(("change", "loop_ms"), [
    ({}, 30.0), ({"command_seq": 11}, -1.0), ({"permit_epoch": 0}, -1.0),
    ({"applied_ns": T0 - 31 * MS}, -1.0), ({"applied_ns": T0 - 30 * MS}, 2.0),
])  # fmt: skip
def test_the_loop_ends_where_servo_applied_the_command(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, int], loop_ms: float
) -> None:
    m = seen(monkeypatch, 1.0)
    said = {"command_seq": 10, "permit_epoch": m.epoch.value, "applied_ns": T0 - 2 * MS} | change
    i = replace(inputs(), servo=replace(inputs().servo, **said))  # type: ignore[arg-type]
    intake.applied(m, i, LIMITS, 6.0)
    assert m.loop.newest_ms == loop_ms
    assert (m.in_use.applied_sample_ns == T0) is (loop_ms >= 0.0)
    m.loop.newest_ms = 0.0
    intake.applied(m, i, LIMITS, 6.0)
    assert m.loop.newest_ms == 0.0, "once"
    m.in_use.applied_seq, m.servo.lost = 0, True
    intake.applied(m, i, LIMITS, 6.0)
    assert m.in_use.applied_seq == 0, "nobody says so"


def test_a_refused_frame_is_no_press_and_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(_: Gate, *__: object, session: int, **___: object) -> Rejection:
        asked.append(session)
        return Rejection.WRONG_SESSION

    monkeypatch.setattr(Gate, "check", refuse)
    for lost in (False, True):
        m = session_memory()
        m.lease.session, m.gateway.lost, m.deadman.fresh = 7, lost, False
        before = m.in_use.command
        assert (
            intake.expert(m, replace(inputs(), frame_seq=m.frame_seq + 1), LIMITS, 0, 0.0) is False
        )
        assert m.in_use.command is before
    assert asked == [7, 0], "nobody drives through a gateway that is gone"


def test_a_closed_console_loses_its_proof_of_a_view() -> None:
    bits, m = lease(console_open=False)
    assert (bits, m.mark.ok, m.lease.open) == (0, False, False)
    assert m.epoch.value == 1 << 32


def test_a_restarted_media_starts_its_frames_anew() -> None:
    m = session_memory()
    m.media.restarted, m.mark.ok, m.dwell.frame_id = True, True, 5
    m.loop.newest_ms = 9.0
    stamp = replace(inputs().stamps[0], rtp_timestamp=0, acquired_ns=T0)
    empty = replace(stamp, rtp_timestamp=-1)
    intake.pictures(m, replace(inputs(), stamps=(empty, stamp, empty, empty)))
    assert [rtp for rtp, _, _ in m.frames.sent] == [0]
    assert (m.frames.presented_id, m.dwell.frame_id, m.loop.newest_ms) == (-1, -1, -1.0)
    assert (m.mark.ok, m.epoch.value) == (False, (1 << 32) + 1)
    calm = session_memory()
    intake.pictures(calm, replace(inputs(), stamps=(empty,) * 4))
    assert calm.epoch.value == 1 << 32


# --- what arming needs


def ready_memory() -> tuple[Memory, GuardInputs]:
    m, i = session_memory(), inputs()
    m.power.on = m.stop_test.done = m.mark.ok = True
    m.contact.valid_since_ns = T0 - S
    m.qualifier.good_since_ns = T0 - 5 * S
    m.in_use.command = replace(m.in_use.command, deadman=False)
    return m, i


def test_everything_is_there() -> None:
    m, i = ready_memory()
    checks = assess.checklist(m, i, 0, LIMITS)
    assert all(getattr(checks, f.name) for f in fields(Checklist))


SPOILS: list[tuple[str, Callable[[Memory], None]]] = [
    ("alive", lambda m: setattr(m.power, "on", False)),
    ("alive", lambda m: setattr(m.epoch, "durable", 0)),
    ("alive", lambda m: setattr(m.arm, "lost", True)),
    ("alive", lambda m: setattr(m.servo, "lost", True)),
    ("alive", lambda m: setattr(m.contact, "valid_since_ns", 0)),
    ("stop_tested", lambda m: setattr(m.stop_test, "done", False)),
    ("stop_tested", lambda m: setattr(m.key, "pressed_ns", T0)),
    ("instrument", lambda m: setattr(m.contact, "instrument", Instrument.NONE)),
    ("instrument", lambda m: setattr(m.contact, "instrument", Instrument.UNKNOWN)),
    ("console", lambda m: setattr(m.lease, "session", 0)),
    ("console", lambda m: setattr(m.lease, "open", False)),
    ("console", lambda m: setattr(m.gateway, "lost", True)),
    ("link", lambda m: setattr(m.qualifier, "good_since_ns", T0 - 5 * S + 1)),
    ("mark", lambda m: setattr(m.mark, "ok", False)),
    ("deadman_up", lambda m: setattr(m.in_use, "valid", False)),
]


@pytest.mark.parametrize(("name", "spoil"), SPOILS)
def test_each_thing_can_be_missing(name: str, spoil: Callable[[Memory], None]) -> None:
    m, i = ready_memory()
    spoil(m)
    checks = assess.checklist(m, i, 0, LIMITS)
    absent = {f.name for f in fields(Checklist) if not getattr(checks, f.name)}
    assert absent == {name}


def test_what_the_bedside_shows_counts() -> None:
    m, i = ready_memory()
    for change in ({"bedside_sound": False}, {"bedside_visible": False}):
        dull = replace(i, gateway=replace(i.gateway, **change))
        checks = assess.checklist(m, dull, 0, LIMITS)
        assert (checks.bedside_page, checks.bedside_sound) == (True, False)
    assert not assess.checklist(m, replace(i, bedside_input=False), 0, LIMITS).bedside_input
    assert not assess.checklist(m, i, mask(Cause.GATEWAY_LOST), LIMITS).quiet
    assert assess.checklist(m, i, mask(Cause.OPERATOR_RELEASE), LIMITS).quiet


def told(m: Memory, i: GuardInputs, wishes: Wishes, contact: Contact = Contact.NONE) -> Facts:
    return assess.facts(m, i, 5, 6, wishes, contact, Checklist(alive=True), True, LIMITS)


def test_what_the_machine_is_told() -> None:
    m, i = ready_memory()
    f = assess.facts(
        m, i, 5, 6, Wishes(allow=True, acknowledge=True), Contact.NONE,
        Checklist(alive=True, console=True, bedside_page=True, link=True), True, LIMITS,
    )  # fmt: skip
    assert (f.causes, f.late, f.now_ns) == (5, 6, T0)
    assert (f.off_skin, f.alive, f.connected, f.qualified, f.ready) == (
        True,
        True,
        True,
        True,
        False,
    )
    assert (f.allow, f.acknowledge, f.edge, f.consent, f.power_cut) == (
        True, True, True, False, False,
    )  # fmt: skip
    assert not (told(m, i, Wishes(), Contact.SKIN)).off_skin
    half = assess.facts(m, i, 0, 0, Wishes(), Contact.SKIN, Checklist(console=True), False, LIMITS)
    assert (half.connected, half.allow, half.edge) == (False, False, False)


def test_a_press_does_not_arm_again_while_hold_waits_for_the_deadman() -> None:
    m, i = ready_memory()
    m.consent.give(T0)
    m.machine = Machine(state=State.HOLD, latched=mask(Cause.OPERATOR_RELEASE))
    assert not told(m, i, Wishes(allow=True)).allow
    m.consent.revoke()
    assert told(m, i, Wishes(allow=True)).allow


@pytest.mark.parametrize("cause", [
    Cause.SPEED_OVER_PERMIT, Cause.STANDSTILL_VIOLATED, Cause.ARM_SILENT, Cause.SERVO_LOST,
    Cause.SERVO_IGNORES_PERMIT, Cause.BRAKE_FAILED, Cause.INTERNAL_ERROR,
    Cause.POSE_INVALID,
])  # fmt: skip
def test_who_is_suspect_gets_no_permit(cause: Cause) -> None:
    m, i = ready_memory()
    assert assess.situation(m, i, Contact.SKIN, LIMITS).able
    m.machine = replace(m.machine, latched=mask(cause))
    assert not assess.situation(m, i, Contact.SKIN, LIMITS).able
    m.machine = replace(m.machine, latched=mask(Cause.CONSOLE_STOP))
    assert assess.situation(m, i, Contact.SKIN, LIMITS).able
    m.power.cut = True
    assert not assess.situation(m, i, Contact.SKIN, LIMITS).able


@pytest.mark.parametrize(
    ("age_ms", "fresh"), [(100.0, True), (100.001, False), (-1.0, False), (0.0, True)]
)
def test_a_needle_advances_by_a_fresh_picture_only(age_ms: float, fresh: bool) -> None:
    m, i = ready_memory()
    m.frames.presented_acquired_ns = T0 - round(age_ms * MS)
    m.needle.plan, m.needle.goal_m = NeedlePlan.CONFIRMED, 0.05
    s = assess.situation(m, i, Contact.SKIN, LIMITS)
    assert s.image_fresh is fresh
    assert s.needle_goal_m == 0.05
    m.needle.plan = NeedlePlan.PROPOSED
    assert assess.situation(m, i, Contact.SKIN, LIMITS).needle_goal_m == 0.0
    m.frames.presented_id = -1
    assert not assess.situation(m, i, Contact.SKIN, LIMITS).image_fresh


@pytest.mark.parametrize(
    ("age_ms", "bits", "good"),
    [(40.0, 0, True), (40.001, 0, False), (5.0, mask(Cause.COMMAND_AGE), False),
     (5.0, mask(Cause.GATEWAY_LOST), False), (5.0, mask(Cause.PICTURE_NOT_LIVE), False),
     (5.0, mask(Cause.CONSOLE_STOP), True)],
)  # fmt: skip
def test_what_qualifies_a_link(age_ms: float, bits: int, good: bool) -> None:
    m, i = ready_memory()
    m.in_use.command = replace(m.in_use.command, echo_ns=T0 - round(age_ms * MS))
    assess.qualify(m, i, bits, LIMITS)
    assert (m.qualifier.good_since_ns > 0) is good


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (lambda m: None, True),
        (lambda m: setattr(m.lease, "open", False), False),
        (lambda m: setattr(m.frames, "presented_id", -1), False),
        (lambda m: setattr(m.frames, "presented_id", 0), True),
        (lambda m: setattr(m.gateway, "lost", True), False),
        (lambda m: setattr(m, "machine", Machine(state=State.ACTIVE)), False),
        (lambda m: setattr(m.mark, "ok", True), False),
    ],
)
def test_when_a_mark_is_drawn(change: Callable[[Memory], None], shown: bool) -> None:
    m, i = ready_memory()
    m.machine, m.mark.ok = Machine(state=State.QUALIFIED), False
    change(m)
    assess.qualify(m, replace(i, nonce=1234), 0, LIMITS)
    assert (m.mark.value >= 0) is shown


def test_clamps_of_a_lost_servo_are_not_shown() -> None:
    i = replace(inputs(), servo=replace(inputs().servo, clamps=Clamp.SPEED))
    for lost, shown in (
        (False, Clamp.SPEED | Clamp.FORCE_REFERENCE),
        (True, Clamp.FORCE_REFERENCE),
    ):
        m = session_memory()
        m.servo.lost, m.in_use.clamps = lost, Clamp.FORCE_REFERENCE
        assert intake.clamps(m, i) == shown


def test_a_restart_is_told_in_one_step_only() -> None:
    peer = Peer()
    peer.update(1, 5, T0, T0, 20.0)
    assert (peer.seen, peer.restarted) == (True, False)
    peer.update(2, 6, T0, T0, 20.0)
    assert peer.restarted
    peer.update(0, 0, 0, T0, 20.0)
    assert not peer.restarted
