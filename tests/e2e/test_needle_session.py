"""Needle work on both pages: plan, proposal, confirmation, advance, abort, withdrawal, report."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from bench.pages.browser import data
from bench.pages.demo import wait_for
from bench.pages.people import Session
from safety.states import Contact, Instrument, NeedlePlan

pytestmark = [pytest.mark.process, pytest.mark.browser, pytest.mark.timeout(400)]
STUCK_CYCLES = 1250
"""Of guard at 250 Hz (LIGHT), 5 s: longer than the breathing gate is shut."""
SPOT = """([depth]) => import("/static/needle/geometry.js").then(({ atDepth, toPixels }) => {
  const { picture, needle } = globalThis.consoleApp;
  const at = toPixels(picture.state, atDepth(needle.work.guide, depth));
  const box = document.getElementById("picture").getBoundingClientRect();
  const scale = Math.min(box.width / picture.width, box.height / picture.height);
  return [box.left + (box.width - picture.width * scale) / 2 + at.x * scale,
          box.top + (box.height - picture.height * scale) / 2 + at.y * scale];
})"""


def mark(console: Page, name: str, depth_m: float) -> None:
    """Mark a point of the guide's line in the picture."""
    console.locator(f"#needle-{name}").click()
    x, y = console.evaluate(SPOT, [depth_m])
    console.mouse.click(x, y)


def drive(session: Session, key: str, done: Callable[[], bool]) -> None:
    """Hold Space and a key until `done`; begin the press anew when nothing moves for a while."""
    keyboard, last = session.console.keyboard, (-1.0, 0)

    def check() -> bool:
        nonlocal last
        guard, depth_m = session.demo.guard, session.demo.arm.needle_depth_m
        if abs(depth_m - last[0]) > 1e-5:
            last = (depth_m, guard.cycle)
        if not session.moves() or guard.cycle > last[1] + STUCK_CYCLES:
            keyboard.up(key)  # after a block the robot wants to see that "advance" is let go
            wait_for("key is up", lambda: session.demo.guard.cycle > guard.cycle + 200)
            keyboard.down(key)
            last = (depth_m, session.demo.guard.cycle)
        return done()

    keyboard.down(key)
    wait_for(f"{key} has done its work", check, 120)
    keyboard.up(key)


def test_plan_confirm_advance_abort_withdraw_report(needle_session: Session) -> None:
    people = needle_session
    demo, console, bedside = people.demo, people.console, people.bedside
    demo.bedside.send(b"s")
    wait_for("stop tested", lambda: demo.guard.stop_tested)
    bedside.locator("#declare-needle").click()
    wait_for("declared", lambda: demo.guard.instrument == Instrument.PROBE_NEEDLE)
    bedside.locator("#needle-clear").click()
    wait_for("clear", lambda: demo.guard.contact == Contact.NONE)
    people.answer_mark()
    wait_for("ARMED", people.allow, 60)
    wait_for("3 N", lambda: people.moves() and demo.servo.force_filtered_n >= 3.0, 90)
    wait_for("planning", lambda: data(console, "needle-stage", "stage") == "PLAN")
    mark(console, "target", 0.105)
    mark(console, "entry", 0.047)
    console.locator("#needle-propose").click()
    wait_for("proposed", lambda: demo.guard.needle_plan == NeedlePlan.PROPOSED)
    wait_for("bedside is asked", bedside.locator("#needle-confirm").is_visible)
    bedside.locator("#needle-confirm").click()
    wait_for("confirmed", lambda: demo.guard.needle_plan == NeedlePlan.CONFIRMED)
    assert demo.guard.needle_goal_m == pytest.approx(0.107, abs=0.001)

    console.locator("#needle-mode").click()
    people.release()
    drive(people, "KeyF", lambda: demo.arm.needle_depth_m > 0.004)
    wait_for("the needle rests", lambda: abs(demo.arm.needle_v_m_s) < 1e-6)
    assert demo.guard.contact == Contact.NEEDLE_IN_TISSUE
    wait_for("shown", lambda: data(console, "needle-stage", "stage") == "ADVANCING")

    console.locator("#needle-abort").click()
    wait_for("no plan", lambda: demo.guard.needle_plan == NeedlePlan.NONE)
    deepest = demo.arm.needle_depth_m
    people.press()
    console.keyboard.down("KeyF")
    cycle = demo.guard.cycle
    wait_for("guard refuses on", lambda: demo.guard.cycle > cycle + 500)
    console.keyboard.up("KeyF")
    assert demo.arm.needle_depth_m <= deepest + 1e-5

    drive(people, "KeyR", lambda: demo.arm.needle_depth_m <= 0.0004)
    wait_for("the report is shown", console.locator("#needle-report").is_visible)
    assert data(console, "needle-stage", "stage") == "DONE"
    people.release()
