"""What the person at a haptic console is shown: the coupling in use, troubles, the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_console_handle import HAND, MS

from haptics.bilateral.choice import Coupling
from safety.states import Cause, State
from teleop.cli.text import Texts
from teleop.console.errors import ConsoleError, KeyRefusedError
from teleop.console.felt import FELT_MIN_S, FeltScore, Traffic
from teleop.console.notices import Notices
from teleop.console.run import line_of
from teleop.console.session import HandleSession, Options, first_cause
from transport.force_frame import ForceFrame
from transport.local.clock import now_ns
from transport.schema import Refused

FRAME = ForceFrame(
    number=1, stamp_ns=1, contact=True, force_valid=True, touch=3, force_n=4.0, force_ref_n=4.0,
    inward=(0.0, 0.0, 1.0), base_p_surface_m=(0.0, 0.0, 0.0), stiffness_n_m=800.0,
    damping_n_s_m=8.0, energy_in_j=0.0, energy_out_j=0.0,
)  # fmt: skip


@pytest.fixture
def session(tmp_path: Path) -> HandleSession:
    return HandleSession(Options("sim", 0.5, 0.5, tmp_path), tmp_path)


def link(session: HandleSession, rtt_ms: float, seconds: float, from_ns: int) -> int:
    """The robot's figures of a link, 50 a second; return when they end."""
    end_ns = from_ns + round(seconds * 1e9)
    for at_ns in range(from_ns, end_ns, 20 * MS):
        session.meter.age(at_ns, rtt_ms, 0.0)
        session.meter.coupling(at_ns)
    return end_ns


def shown(session: HandleSession) -> tuple[str, str]:
    return str(session.status()["coupling"]), line_of(session, Texts("en"))


def test_the_coupling_that_is_felt_is_shown(session: HandleSession) -> None:
    assert shown(session)[0] == "MODEL", "before anything is known"
    session.hand = replace(HAND, reflecting=True)
    at_ns = link(session, 8.0, 3.5, now_ns() + 1_000 * MS)
    assert shown(session)[0] == "REFLECTION"
    assert "Measured force" in shown(session)[1]

    session.hand = replace(HAND, reflecting=False)  # too stiff, or the port ran empty
    assert shown(session)[0] == "MODEL"
    assert "Local surface model" in shown(session)[1]

    session.hand = replace(HAND, reflecting=True)
    at_ns = link(session, 60.0, 1.5, at_ns)
    assert shown(session)[0] == "MODEL", "the link is slower now"
    at_ns = link(session, 300.0, 1.5, at_ns)
    assert shown(session)[0] == "OFF"
    assert "Off" in shown(session)[1]
    link(session, 8.0, 6.0, at_ns)
    assert shown(session)[0] == "REFLECTION", "and back, when it lasts"


def test_a_refused_key_ends_the_console_and_other_refusals_are_told(
    session: HandleSession,
) -> None:
    say = session._on_message
    say(Refused(reason="demoted", detail="", close=False, link=-1))
    say(Refused(reason="demoted", detail="", close=False, link=-1))
    assert [n.key for n in session.notices.take()] == ["refused.demoted"], "told once"
    session.check()
    say(Refused(reason="key_refused", detail="unknown pin", close=False, link=-1))
    with pytest.raises(KeyRefusedError, match="unknown pin"):
        session.check()


def test_a_lost_link_is_told_with_its_reason_and_so_is_its_return(session: HandleSession) -> None:
    session.check()
    assert session.notices.take() == [], "nothing was there to lose"
    session.link.heard_ns = now_ns() - 10_000 * MS
    session.link.problem = "cannot join"
    for _ in range(3):
        session.check()
    (lost,) = session.notices.take()
    assert (lost.key, dict(lost.values)) == ("handle.link_lost", {"problem": "cannot join"})
    session.link.heard_ns = now_ns() + 10_000 * MS
    session.check()
    assert [n.key for n in session.notices.take()] == ["handle.link_back"]


def test_all_notices_have_words_in_both_languages() -> None:
    names = ("failed", "link_lost", "link_back", "no_key", "unfinished", "left_early", "success",
             "failure")  # fmt: skip
    for language in ("en", "zh"):
        words = Texts(language)
        for name in names:
            assert words(f"handle.{name}", problem="P", line="L") != f"handle.{name}"


def test_notices_of_two_topics_do_not_hide_each_other() -> None:
    notices = Notices()
    notices.say("a", "x", problem="1")
    notices.say("b", "x", problem="1")
    notices.say("a", "x", problem="1")
    notices.say("a", "x", problem="2")
    assert len(notices.take()) == 3
    notices.over("c", "never told")
    notices.over("a")
    assert notices.take() == []


def test_the_first_of_failed_tasks_is_the_cause() -> None:
    inner = ConsoleError("gone")
    group = BaseExceptionGroup("tasks", [BaseExceptionGroup("more", [inner]), ValueError()])
    assert first_cause(group) is inner
    assert first_cause(inner) is inner


class Told:
    """As much of a telemetry message as the score reads."""

    def __init__(self, state: State, causes: int = 0, cause: Cause = Cause.NONE) -> None:
        self.state, self.causes, self.first_out = int(state), causes, int(cause)
        self.haptic_ms, self.loop_ms = 12.0, 30.0


def told(score: FeltScore, state: State, *, deadman: bool = True, causes: int = 0) -> None:
    score.told(Told(state, causes), deadman=deadman)  # type: ignore[arg-type]


def press(score: FeltScore, seconds: float, felt_n: float = 2.0, **changes: object) -> None:
    """A hand that feels `felt_n` of the 4 N on the patient, 200 samples a second."""
    hand = replace(HAND, felt_n=felt_n, **changes)  # type: ignore[arg-type]
    for number in range(round(seconds * 200)):
        score.add(1 + number * 5 * MS, hand, FRAME, Coupling.MODEL)


def verdict(score: FeltScore) -> dict[str, bool]:
    return {row.name: row.ok for row in score.criteria()}


def test_a_good_touch_succeeds() -> None:
    score = FeltScore(0.5)
    told(score, State.ACTIVE)
    press(score, FELT_MIN_S + 0.1)
    told(score, State.HOLD, deadman=False)
    assert all(verdict(score).values())
    measured = score.measured(Traffic(10.0, 2000, 1000, 0.0, 0))
    assert measured["coupling_share"] == {"MODEL": 1.0}
    assert measured["felt_error_n"]["rms"] == 0.0
    assert measured["packets"]["force_saved_percent"] == 90.0


@pytest.mark.parametrize(
    ("felt_n", "changes", "missing"),
    [(0.0, {}, "felt_s"), (1.0, {}, "felt_error_rms_n"), (2.0, {"touch_echo": -1}, "felt_s"),
     (2.0, {"deadman": False}, "felt_s"), (2.0, {"port_j": -0.001}, "port_energy_low_mj")],
)  # fmt: skip
def test_what_was_not_felt_fails(felt_n: float, changes: dict[str, object], missing: str) -> None:
    score = FeltScore(0.5)
    told(score, State.ACTIVE)
    press(score, FELT_MIN_S + 0.1, felt_n, **changes)
    assert not verdict(score)[missing]


def test_nothing_felt_unsafe_events_and_a_missing_release_fail() -> None:
    assert not any(ok for name, ok in verdict(FeltScore(0.5)).items() if name != "unsafe_events")
    score = FeltScore(0.5)
    told(score, State.ACTIVE, causes=1 << Cause.FORCE_OVER_LIMIT)
    press(score, FELT_MIN_S + 0.1)
    told(score, State.HOLD, deadman=True)
    assert not verdict(score)["unsafe_events"]
    assert not verdict(score)["released_to_hold"]
