"""Both pages in a real Chromium: join, arm, scan; every way to stop, and nothing moves again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import Page

from bench.pages.browser import data, picture_sum, screenshot
from bench.pages.demo import cause_names, wait_for
from bench.pages.people import Session
from safety.states import Cause, Contact, State

pytestmark = [pytest.mark.process, pytest.mark.browser]

REST_M_S = 0.003
STOPPED = (State.HOLD, State.SAFE_STOP, State.FAULT, State.ESTOP, State.INIT)


def each_page(
    session: Session, what: str, check: Callable[[Page], bool], timeout_s: float = 30.0
) -> None:
    """First the console's page, then the bedside's."""
    for page in (session.console, session.bedside):
        wait_for(what, partial(check, page), timeout_s)


def assert_rest(session: Session, *, since_force_n: float) -> None:
    """At rest, not pressing harder than before, and reported with time and force."""
    wait_for(
        "the arm is at rest", lambda: session.demo.speed_m_s() < REST_M_S or _breathing(session)
    )
    assert session.demo.servo.force_filtered_n <= max(since_force_n, 5.0) + 2.0


def _breathing(session: Session) -> bool:
    """In HOLD on the skin the probe follows breathing along its axis and nothing else."""
    v, guard = session.demo.arm.base_v_probe_m_s, session.demo.guard
    sideways = (v[0] ** 2 + v[1] ** 2) ** 0.5
    return guard.contact == Contact.SKIN and sideways < REST_M_S and abs(v[2]) < 0.02


def assert_stays(session: Session, *, cycles: int = 500) -> None:
    """Space is still held: guard keeps refusing for `cycles` of its cycles, nothing slides."""
    start = session.demo.arm.base_p_probe_m
    until = session.demo.guard.cycle + cycles
    epoch = session.demo.guard.engagement

    def waited() -> bool:
        assert session.demo.guard.state not in (State.ACTIVE, State.DEGRADED)
        assert _moved(session, start) < 0.003
        return session.demo.guard.cycle >= until

    wait_for("guard's cycles", waited)
    assert session.demo.guard.engagement == epoch


def test_scan_release_bedside_stop_and_ctrl_c(session: Session) -> None:
    session.arm()
    scan(session)
    force_n = session.demo.servo.force_filtered_n
    let_go_and_press_again(session, force_n)
    stop_at_the_bedside_and_start_again(session, force_n)
    leave_with_ctrl_c(session)


def scan(session: Session) -> None:
    """Contact, a slide over the skin; both pages show picture and force, in both languages."""
    screenshot(session.console, session.shots, "console_armed")
    screenshot(session.bedside, session.shots, "bedside_armed")
    before = picture_sum(session.console)
    session.to_contact()
    picture = wait_for(
        "the picture comes with the contact",
        lambda: (now := picture_sum(session.console)) and _differ(now, before) and now,
    )
    assert sum(picture) > sum(before), "coupling brings echoes"
    session.console.keyboard.down("KeyD")
    start = session.demo.arm.base_p_probe_m
    wait_for("the probe slides", lambda: _moved(session, start) > 0.01)
    session.console.keyboard.up("KeyD")
    assert wait_for(
        "the force is shown",
        lambda: (
            float(data(session.console, "force", "force") or 0) >= 3.0
            and float(data(session.bedside, "force", "force") or 0) >= 3.0
        ),
    )
    screenshot(session.console, session.shots, "console")
    screenshot(session.bedside, session.shots, "bedside")
    for page, name in ((session.console, "console_zh"), (session.bedside, "bedside_zh")):
        page.locator("#language").click()
        wait_for("Chinese", partial(_is_chinese, page))
        screenshot(page, session.shots, name)
        page.locator("#language").click()


def _is_chinese(page: Page) -> bool:
    return str(page.evaluate("document.documentElement.lang"))[:2] == "zh"


def let_go_and_press_again(session: Session, force_n: float) -> None:
    """Release holds and a fresh press goes on."""
    wait_for("the hand lets go and the arm holds", lambda: _let_go(session), 90)
    assert_rest(session, since_force_n=force_n)
    wait_for("console says why", lambda: session.shown(session.console)[0] == "HOLD")
    wait_for("bedside says why", lambda: session.shown(session.bedside)[0] == "HOLD")
    session.press()
    wait_for("a fresh press resumes", session.moves, 60)


def stop_at_the_bedside_and_start_again(session: Session, force_n: float) -> None:
    """The bedside's stop is latched until both people release it."""
    session.bedside.locator("#stop").click()
    wait_for("SAFE_STOP", session.demo.in_state(State.SAFE_STOP))
    assert "BEDSIDE_STOP" in cause_names(session.demo.guard.causes)
    each_page(session, "says why", lambda p: session.shown(p) == ("SAFE_STOP", "BEDSIDE_STOP"))
    assert_rest(session, since_force_n=force_n)
    assert_stays(session)
    screenshot(session.console, session.shots, "console_stopped")
    screenshot(session.bedside, session.shots, "bedside_stopped")

    session.release()
    session.console.locator("#acknowledge").click()
    wait_for("acknowledged", lambda: session.demo.guard.acknowledged)
    session.answer_mark()
    epoch = session.demo.guard.epoch
    wait_for("bedside may allow again", session.allow)
    assert session.demo.guard.epoch > epoch
    session.press()
    wait_for("both people start it again", session.moves, 60)


def leave_with_ctrl_c(session: Session) -> None:
    """While the arm is driven: everything ends, and nothing is left behind."""
    pids = [session.demo.pid(name) for name in session.demo.joined["pids"]]
    session.demo.process.send_signal(signal.SIGINT)
    assert session.demo.process.wait(10) == 0, session.demo.output()
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    recordings = list((session.demo.folder / "out").glob("*.mcap"))
    assert len(recordings) == 1
    assert not list((session.demo.folder / "out").glob("*.part"))


def _let_go(session: Session) -> bool:
    """True when HOLD came from the hand, and not from a busy machine a moment before."""
    if not session.moves():
        return False
    session.release()
    wait_for("HOLD", session.demo.in_state(State.HOLD))
    return session.demo.guard.first_out == Cause.OPERATOR_RELEASE


def _differ(one: list[int], other: list[int]) -> bool:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.1 * max(1, sum(other))


def _moved(session: Session, start: tuple[float, ...]) -> float:
    here = session.demo.arm.base_p_probe_m
    return float(((here[0] - start[0]) ** 2 + (here[1] - start[1]) ** 2) ** 0.5)


def test_killed_gateway(session: Session) -> None:
    session.arm()
    session.to_contact()
    force = session.demo.servo.force_filtered_n
    session.demo.signal("gateway", signal.SIGKILL)
    wait_for("stopped", session.demo.in_state(*STOPPED))
    assert cause_names(session.demo.guard.causes) & {
        "GATEWAY_LOST", "GATEWAY_RESTARTED", "COMMAND_AGE", "MISSED_SLOTS", "CONSOLE_LOST",
    }  # fmt: skip
    assert_rest(session, since_force_n=force)
    wait_for(
        "each page says that its own path is gone, or shows the stop after reconnecting",
        lambda: all(
            data(p, "path-alarm", "path") != "ok" or session.shown(p)[0] in ("HOLD", "SAFE_STOP")
            for p in (session.console, session.bedside)
        ),
    )
    each_page(
        session,
        "reconnected by its token, with the recorded cause",
        lambda p: (
            session.shown(p)[0] in ("HOLD", "SAFE_STOP")
            and session.shown(p)[1] == session.demo.guard.first_out.name
        ),
        40,
    )
    assert_stays(session)


def test_frozen_media(session: Session) -> None:
    session.arm()
    session.to_contact()
    force = session.demo.servo.force_filtered_n
    pid = session.demo.signal("media", signal.SIGSTOP)
    try:
        wait_for("stopped", session.demo.in_state(*STOPPED))
        assert cause_names(session.demo.guard.causes) & {
            "PICTURE_FROZEN", "PICTURE_STALE", "MEDIA_LOST", "LOOP_LATENCY", "OPERATOR_RELEASE",
        }  # fmt: skip
        assert_rest(session, since_force_n=force)
        wait_for("the console says stale", lambda: session.console.locator("#stale").is_visible())
        wait_for("bedside says HOLD", lambda: session.shown(session.bedside)[0] != "ACTIVE")
        screenshot(session.console, session.shots, "console_stale")
        assert_stays(session)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert_stays(session)


def test_killed_servo(session: Session) -> None:
    session.arm()
    session.to_contact()
    force = session.demo.servo.force_filtered_n
    session.demo.signal("servo", signal.SIGKILL)
    wait_for("stopped", session.demo.in_state(*STOPPED))
    lost = {"SERVO_LOST", "SERVO_RESTARTED"}  # a slow picture may have stopped it just before
    wait_for("guard missed servo", lambda: cause_names(session.demo.guard.causes) & lost)
    wait_for("the arm braked", lambda: session.demo.arm.braked)
    assert_rest(session, since_force_n=force)
    each_page(
        session,
        "shows the stop",
        lambda p: (
            session.shown(p) == (session.demo.guard.state.name, session.demo.guard.first_out.name)
        ),
    )
    assert_stays(session)


def test_stopped_guard(session: Session) -> None:
    session.arm()
    session.to_contact()
    force = session.demo.servo.force_filtered_n
    trips = session.demo.arm.enable_trips
    pid = session.demo.signal("guard", signal.SIGSTOP)
    try:
        wait_for("the arm box braked by itself", lambda: session.demo.arm.braked)
        assert session.demo.arm.enable_trips > trips
        wait_for("at rest", lambda: session.demo.speed_m_s() < REST_M_S)
        wait_for("servo lapsed", lambda: session.demo.servo.lapsed)
        each_page(
            session, "says that the robot is lost", lambda p: data(p, "path-alarm", "path") != "ok"
        )
        screenshot(session.bedside, session.shots, "bedside_robot_lost")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for("latched", session.demo.in_state(State.SAFE_STOP, State.FAULT))
    assert "GUARD_OVERRUN" in cause_names(session.demo.guard.causes)
    assert_stays(session)
    assert session.demo.servo.force_filtered_n <= max(force, 5.0) + 2.0
