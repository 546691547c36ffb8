"""The scripted expert and nurse: they follow guard's next step and never outrun it."""

from __future__ import annotations

from safety.frame import unpack
from safety.states import ContactState, EventKind, State, Step
from teleop.scripted.console import Console, Presented
from teleop.scripted.hand import Sweep
from teleop.scripted.persons import Act, Expert, Nurse, Phase, Plan, Seen

MS = 1_000_000
LOOK_MS = 20


def _seen(state: State, step: Step, contact: ContactState = ContactState.FREE) -> Seen:
    force = 5.0 if contact == ContactState.PRESS else 0.0
    return Seen(state, step, contact, force)


class _Session:
    """Feeds an expert what a page would show."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.expert = Expert(plan or Plan())
        self.now_ms = 1000
        self.deadman = False
        self.moving = False
        self.force_ref_n = 0.0
        self.acts: list[Act] = []

    def show(self, seen: Seen, ms: int, mark: int | None = None, finish: bool = False) -> None:
        for _ in range(ms // LOOK_MS):
            self.now_ms += LOOK_MS
            control = self.expert.decide(self.now_ms * MS, seen, mark, finish)
            self.deadman, self.moving = control.deadman, control.moving
            self.force_ref_n = control.force_ref_n
            self.acts += control.acts

    def engage(self) -> None:
        self.show(_seen(State.ARMED, Step.HOLD_DEADMAN), 500)
        assert self.deadman
        self.show(_seen(State.ACTIVE, Step.NONE), 100)


def test_the_deadman_is_pressed_only_when_guard_waits_for_it() -> None:
    session = _Session()
    for step in (Step.JOIN_BEDSIDE, Step.TEST_STOP, Step.READ_MARK, Step.ALLOW_MOTION):
        session.show(_seen(State.CONNECTED, step), 3000)
        assert not session.deadman
    session.show(_seen(State.ARMED, Step.HOLD_DEADMAN), 200)
    assert not session.deadman, "a person needs time to react"
    session.show(_seen(State.ARMED, Step.HOLD_DEADMAN), 300)
    assert session.deadman


def test_a_whole_scan_lands_scans_lifts_and_lets_go() -> None:
    session = _Session()
    session.engage()
    press = _seen(State.ACTIVE, Step.NONE, ContactState.PRESS)
    session.show(press, 1000)
    assert (session.expert.phase, session.moving) == (Phase.LAND, False)
    session.show(press, 1500)
    assert (session.expert.phase, session.moving, session.force_ref_n) == (Phase.SCAN, True, 5.0)
    session.show(press, 200, finish=True)
    assert (session.expert.phase, session.moving, session.force_ref_n) == (Phase.LIFT, False, 0.0)
    session.show(_seen(State.ACTIVE, Step.NONE), 400, finish=True)
    assert session.deadman
    session.show(_seen(State.ACTIVE, Step.NONE), 400, finish=True)
    assert (session.expert.phase, session.deadman) == (Phase.DONE, False)


def test_a_hold_rests_the_hand_and_ends_with_a_fresh_edge() -> None:
    session = _Session(Plan(settle_ns=0))
    session.engage()
    press = _seen(State.ACTIVE, Step.NONE, ContactState.PRESS)

    def pressed() -> bool:
        return session.deadman

    session.show(press, 100)
    assert session.moving
    hold = _seen(State.HOLD, Step.ALLOW_MOTION, ContactState.PRESS)
    session.show(hold, 100)
    assert (pressed(), session.moving) == (True, False), "a short hold may resume by itself"
    session.show(hold, 400)
    assert not pressed()
    session.show(_seen(State.ARMED, Step.HOLD_DEADMAN, ContactState.PRESS), 500)
    assert pressed()
    session.show(press, 100)
    assert session.moving
    assert session.expert.engagements == 2


def test_a_press_without_effect_is_tried_again() -> None:
    session = _Session()
    edges = 0
    held = False
    for _ in range(300):
        session.show(_seen(State.ARMED, Step.HOLD_DEADMAN), LOOK_MS)
        edges += session.deadman and not held
        held = session.deadman
    assert 2 <= edges <= 6


def test_the_mark_is_answered_with_the_number_in_the_picture() -> None:
    session = _Session()
    session.show(_seen(State.QUALIFIED, Step.READ_MARK), 1000)
    assert session.acts == []
    session.show(_seen(State.QUALIFIED, Step.READ_MARK), 500, mark=4711)
    assert session.acts == [Act(EventKind.MARK_ANSWER, 4711)]


def test_the_first_out_cause_is_acknowledged_when_asked() -> None:
    session = _Session()
    session.show(_seen(State.SAFE_STOP, Step.ACKNOWLEDGE), 500)
    assert [act.kind for act in session.acts] == [EventKind.ACKNOWLEDGE]


def test_the_nurse_does_what_is_missing_once_a_second() -> None:
    nurse = Nurse()
    done: list[Act] = []
    for step in (Step.TEST_STOP, Step.DECLARE_INSTRUMENT, Step.ALLOW_MOTION):
        for i in range(45):
            now_ns = (step * 10_000 + i * LOOK_MS) * MS
            done += nurse.decide(now_ns, _seen(State.CONNECTED, step))
    assert [act.kind for act in done] == [
        EventKind.STOP, EventKind.DECLARE_INSTRUMENT, EventKind.ALLOW_MOTION,
    ]  # fmt: skip
    assert done[0].key == b"s"


def test_an_unwilling_nurse_never_allows_motion() -> None:
    nurse = Nurse()
    nurse.willing = False
    acts = [nurse.decide(i * 100 * MS, _seen(State.HOLD, Step.ALLOW_MOTION)) for i in range(100)]
    assert not any(acts)


def _console() -> Console:
    return Console(7, 99, Expert(Plan(settle_ns=0)), Sweep(1))


def test_a_frame_carries_echo_frame_dwell_and_edges() -> None:
    console = _console()
    assert console.sample(1000 * MS) is None, "nothing to echo yet"
    console.heartbeat(5_000, 77, 3)
    console.heartbeat(4_000, 66, 2)  # out of order: not newer
    console.present(Presented(0xFFFFFFF0, 990 * MS))
    console.telemetry((1 << 32) + 5, 996 * MS)
    frame = console.sample(1000 * MS)
    assert frame is not None
    assert (frame.echo_ns, frame.echo_nonce, frame.epoch) == (5_000, 77, 3)
    assert (frame.frame_id, frame.dwell_us) == (0xFFFFFFF0, 10_000)
    assert (frame.haptic_echo_us, frame.haptic_dwell_us) == (5, 4_000)
    assert (frame.session, frame.limits_hash, frame.deadman_edges) == (7, 99, 0)
    for i in range(60):
        console.look((1000 + 20 * i) * MS, _seen(State.ARMED, Step.HOLD_DEADMAN), None)
        if console.expert.deadman:
            break
    pressed = console.sample(2200 * MS)
    assert pressed is not None
    assert (pressed.deadman, pressed.deadman_edges, pressed.seq) == (True, 1, 2)
    assert pressed.dwell_us == 100_000, "dwell is clamped"
    console.telemetry(6, 2300 * MS)
    console.present(Presented(1, 2300 * MS))
    early = console.sample(2200 * MS)
    assert early is not None
    assert (early.dwell_us, early.haptic_dwell_us) == (0, 0), "a clock that went back"
    console.let_go()
    released = console.sample(2205 * MS)
    assert released is not None
    assert (released.deadman, released.deadman_edges) == (False, 1)


def test_a_repeated_sample_keeps_its_old_echo() -> None:
    console = _console()
    console.heartbeat(5_000, 77, 3)
    sampled = console.sample(1000 * MS)
    assert sampled is not None
    console.heartbeat(9_000, 88, 3)
    again = unpack(console.repeat(sampled))
    assert (again.echo_ns, again.echo_nonce, again.seq) == (5_000, 77, sampled.seq + 1)
