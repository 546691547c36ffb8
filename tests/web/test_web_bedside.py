"""The bedside page: stop, sound, permission, and what it does when its own path is gone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import Open, wait_js
from fake_robot import Robot, wait_until
from playwright.sync_api import Page, expect

from safety.states import Alarm, Cause, EventKind, Instrument, Source, State, Step

pytestmark = pytest.mark.browser


@pytest.fixture
def bedside(open_page: Open, robot: Robot) -> Page:
    page = open_page("bedside")
    wait_until(lambda: robot.gateway().bedside_sound, "beats with sound")
    robot.events()
    return page


def kinds(robot: Robot) -> list[tuple[EventKind, int]]:
    return [(event.kind, event.arg) for event in robot.events()]


def test_joining_is_a_click_that_turns_the_sound_on(open_page: Open, robot: Robot) -> None:
    page = open_page("bedside", join=False)
    assert page.evaluate("bedsidePage.sound.running") is False
    page.click("#join")
    page.wait_for_selector("#state:not([data-state=LOST])")
    wait_until(lambda: robot.gateway().bedside_sound, "the robot hears of the sound")
    assert robot.gateway().bedside_visible
    beat = robot.gateway().bedside_beat
    wait_until(lambda: robot.gateway().bedside_beat > beat + 5, "beats go on")


def test_without_sound_the_robot_and_the_person_are_told(bedside: Page, robot: Robot) -> None:
    bedside.evaluate("bedsidePage.sound.context.suspend()")
    wait_until(lambda: not robot.gateway().bedside_sound, "no sound")
    expect(bedside.locator("#path-alarm")).to_have_text(re.compile("no sound"))
    bedside.click("h1")
    wait_until(lambda: robot.gateway().bedside_sound, "a tap brings it back")


def test_a_hidden_page_goes_on_beating_and_says_it_is_hidden(bedside: Page, robot: Robot) -> None:
    bedside.evaluate("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    wait_until(lambda: not robot.gateway().bedside_visible, "hidden")
    beat = robot.gateway().bedside_beat
    wait_until(lambda: robot.gateway().bedside_beat > beat + 5, "beats go on")


def test_stop_acts_on_press_and_tells_the_release(bedside: Page, robot: Robot) -> None:
    box = bedside.locator("#stop").bounding_box()
    assert box
    bedside.mouse.move(box["x"] + 50, box["y"] + 50)
    bedside.mouse.down()
    pressed = wait_until(robot.events, "the press")
    assert (pressed[0].kind, pressed[0].arg) == (EventKind.STOP, 1)
    assert pressed[0].source is Source.BEDSIDE_PAGE
    bedside.mouse.up()
    assert wait_until(lambda: kinds(robot), "the release") == [(EventKind.STOP, 0)]
    bedside.keyboard.down("Escape")
    assert wait_until(lambda: kinds(robot), "by key") == [(EventKind.STOP, 1)]
    bedside.keyboard.up("Escape")
    assert wait_until(lambda: kinds(robot), "key released") == [(EventKind.STOP, 0)]


def test_a_stop_that_is_held_shows_the_emergency(bedside: Page) -> None:
    bedside.evaluate("bedsidePage.stop.emergencyMs = 50")
    bedside.keyboard.down("Escape")
    expect(bedside.locator("#stop-word")).to_have_text("EMERGENCY STOP")
    bedside.keyboard.up("Escape")
    expect(bedside.locator("#stop-word")).to_have_text("STOP")


@pytest.mark.parametrize("size", [(768, 1024), (360, 740)])
def test_the_stop_is_always_on_screen_and_huge(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page("bedside", size=size)
    box = page.locator("#stop").bounding_box()
    assert box
    assert box["y"] + box["height"] <= size[1]
    assert box["width"] >= 0.85 * size[0]
    assert box["height"] >= 120


def test_buttons_say_what_the_person_means(bedside: Page, robot: Robot) -> None:
    robot.show(instrument=Instrument.PROBE_NEEDLE)
    for button, expected in {
        "#allow": (EventKind.ALLOW_MOTION, 0),
        "#revoke": (EventKind.REVOKE_MOTION, 0),
        "#discomfort": (EventKind.DISCOMFORT, 0),
        "#local": (EventKind.LOCAL_ENTER, 0),
        "#declare-none": (EventKind.DECLARE_INSTRUMENT, Instrument.NONE),
        "#declare-probe": (EventKind.DECLARE_INSTRUMENT, Instrument.PROBE),
        "#declare-needle": (EventKind.DECLARE_INSTRUMENT, Instrument.PROBE_NEEDLE),
        "#needle-clear": (EventKind.NEEDLE_CLEAR, 0),
    }.items():
        bedside.click(button)
        assert wait_until(lambda: kinds(robot), button) == [expected]
    robot.show(state=State.LOCAL)
    expect(bedside.locator("#local")).to_have_text(re.compile("End hand guiding"))
    bedside.click("#local")
    assert wait_until(lambda: kinds(robot), "leave") == [(EventKind.LOCAL_EXIT, 0)]


def test_lift_is_hold_to_run(bedside: Page, robot: Robot) -> None:
    box = bedside.locator("#lift").bounding_box()
    assert box
    bedside.mouse.move(box["x"] + 20, box["y"] + 20)
    bedside.mouse.down()
    seen: list[tuple[EventKind, int]] = []

    def so_far() -> list[tuple[EventKind, int]]:
        seen.extend(kinds(robot))
        return seen

    wait_until(lambda: len(so_far()) >= 4, "repeats")
    bedside.mouse.up()
    wait_until(lambda: so_far()[-1] == (EventKind.LIFT, 0), "released")
    assert set(seen[:-1]) == {(EventKind.LIFT, 1)}
    bedside.wait_for_timeout(250)
    assert kinds(robot) == []


def test_what_guard_accepted_is_shown(bedside: Page, robot: Robot) -> None:
    robot.show(state=State.ARMED, consent=True, instrument=Instrument.PROBE, stop_tested=True)
    expect(bedside.locator("#permission")).to_have_text(re.compile("^(Motion allowed|Allowed)"))
    assert bedside.get_attribute("#declare-probe", "aria-pressed") == "true"
    robot.show(state=State.QUALIFIED, stop_tested=False, step=Step.TEST_STOP)
    expect(bedside.locator("#permission")).to_have_text("Not allowed")
    expect(bedside.locator("#stop-tested")).to_have_text(re.compile("not tested"))
    expect(bedside.locator("#step")).to_have_text(re.compile("test the stop"))


def test_a_link_too_slow_to_pass_its_test_says_so(bedside: Page, robot: Robot) -> None:
    step = bedside.locator("#step")
    waiting: dict[str, Any] = {"state": State.CONNECTED, "step": Step.WAIT_FOR_LINK}
    robot.show(**waiting, qualified=0.4)
    expect(step).to_have_text(re.compile(r"being tested \(40 %\)"))
    robot.show(**waiting, qualified=0.0, loop_ms=63.5)
    expect(step).to_have_text(re.compile("too slow.* up to 64 ms.* under 50 ms for 5 s"))
    robot.show(**waiting, qualified=0.0, age_ms=94.2)
    expect(step).to_have_text(re.compile("too slow.* 95 ms old.* under 40 ms for 5 s"))


def test_alarms_sound_by_priority_and_a_higher_one_ends_a_pause(
    bedside: Page, robot: Robot
) -> None:
    bursts = bedside.evaluate("bedsidePage.sound.bursts")
    robot.show(state=State.HOLD, first_out=Cause.COMMAND_AGE, alarm=Alarm.MEDIUM)
    wait_js(bedside, f"bedsidePage.sound.bursts > {bursts}")
    assert bedside.inner_text("#alarm-mark") == "!!"
    bedside.click("#mute")
    assert bedside.evaluate("bedsidePage.sound.pausedFor(performance.now())") > 0
    expect(bedside.locator("#mute")).to_have_text(re.compile(r"\d+ s"))
    bursts = bedside.evaluate("bedsidePage.sound.bursts")
    robot.show(state=State.FAULT, first_out=Cause.BRAKE_FAILED, alarm=Alarm.HIGH)
    wait_js(bedside, f"bedsidePage.sound.bursts > {bursts}")
    assert bedside.inner_text("#alarm-mark") == "!!!"


def test_alarm_tones_are_within_the_audible_band(bedside: Page) -> None:
    pattern = bedside.evaluate(
        """async () => {
          const { AlarmSound } = await import("/static/alarms/sound.js");
          const sound = new AlarmSound();
          const heard = [];
          Object.defineProperty(sound, "running", { get: () => true });
          sound.context = { currentTime: 0 };
          sound.pulse = (hz, at) => heard.push([hz, at]);
          const all = {};
          for (const name of ["LOW", "MEDIUM", "HIGH"]) {
            heard.length = 0;
            sound.update(name, 0);
            all[name] = [...heard];
          }
          return all;
        }"""
    )
    assert {name: len(pulses) for name, pulses in pattern.items()} == {
        "LOW": 2,
        "MEDIUM": 3,
        "HIGH": 10,
    }
    assert all(150 <= hz <= 1000 for pulses in pattern.values() for hz, _ in pulses)


def test_a_sound_device_that_stands_is_no_sound_and_bunched_ticks_are_no_silence(
    bedside: Page,
) -> None:
    heard = bedside.evaluate(
        """async () => {
          const { AlarmSound } = await import("/static/alarms/sound.js");
          const sound = new AlarmSound();
          sound.context = { state: "running", currentTime: 0 };
          const at = (time, now) => {
            sound.context.currentTime = time;
            return sound.sounding(now);
          };
          const all = [at(0.1, 1000), at(0.1, 1002), at(0.1, 1249), at(0.1, 1250), at(0.2, 1300)];
          sound.context.state = "suspended";
          all.push(at(0.3, 1310));
          sound.context.state = "running";
          all.push(at(0.3, 1320));
          return all;
        }"""
    )
    assert heard == [True, True, True, False, True, False, False]


def test_a_lost_path_is_said_and_sounded_and_the_cause_follows(bedside: Page, robot: Robot) -> None:
    bursts = bedside.evaluate("bedsidePage.sound.bursts")
    robot.kill("gateway")
    bedside.wait_for_selector("#path-alarm[data-path=lost]")
    expect(bedside.locator("#path-alarm")).to_have_text(re.compile("STOP NOT CONNECTED"))
    wait_js(bedside, f"bedsidePage.sound.bursts > {bursts}")
    bedside.wait_for_selector("#stop[data-connected=false]")
    bedside.wait_for_selector("#state[data-state=LOST]")
    robot.show(state=State.SAFE_STOP, first_out=Cause.LINK_UNSTABLE, alarm=Alarm.MEDIUM)
    robot.start("gateway")
    bedside.wait_for_selector("#cause[data-cause=LINK_UNSTABLE]")
    bedside.wait_for_selector("#path-alarm", state="hidden")


def test_what_was_known_before_is_shown_with_the_first_word_after_a_gap(bedside: Page) -> None:
    """Nothing is new in it, and it does not wait for the page's own tick."""
    bedside.wait_for_selector("#state[data-state=ACTIVE], #state[data-state=IDLE]")
    state = bedside.evaluate(
        """() => {
          const page = bedsidePage;
          const known = page.telemetry;
          page.path.ever = true;
          page.statusAt = -Infinity;
          page.render();
          const lost = document.getElementById("state").dataset.state;
          page.status(known);
          return [lost, document.getElementById("state").dataset.state === known.stateName];
        }"""
    )
    assert state == ["LOST", True]


def test_a_guard_that_does_not_answer_means_that_the_stop_is_not_connected(
    bedside: Page, robot: Robot
) -> None:
    robot.silent = True
    bedside.wait_for_selector("#path-alarm[data-path=lost]")
    expect(bedside.locator("#path-alarm")).to_have_text(re.compile("STOP NOT CONNECTED"))
    bedside.wait_for_selector("#stop[data-connected=false]")
    robot.silent = False
    bedside.wait_for_selector("#path-alarm", state="hidden")


def test_a_path_that_falls_silent_is_noticed_within_half_a_second(bedside: Page) -> None:
    after = bedside.evaluate(
        """() => new Promise((done) => {
          const from = performance.now();
          bedsidePage.status = () => {};
          new MutationObserver(() => {
            if (document.querySelector("#path-alarm").dataset.path === "lost") {
              done(performance.now() - from);
            }
          }).observe(document.querySelector("#path-alarm"), { attributes: true });
        })"""
    )
    assert after < 2000, "500 ms on an idle machine"


@pytest.mark.parametrize(("waited_ms", "sent"), [(9_999, True), (10_000, False)])
def test_a_stop_that_could_not_be_sent_says_so_and_is_sent_later(
    bedside: Page, robot: Robot, waited_ms: int, sent: bool
) -> None:
    bedside.evaluate("bedsidePage.stop.now = () => 0")  # however long a gateway needs to start
    robot.kill("gateway")
    bedside.wait_for_selector("#path-alarm[data-path=lost]")
    bedside.keyboard.press("Escape")
    expect(bedside.locator("#path-alarm")).to_have_text(re.compile("STOP NOT SENT"))
    robot.events()
    bedside.evaluate(f"bedsidePage.stop.now = () => {waited_ms}")
    robot.start("gateway")
    bedside.wait_for_selector("#path-alarm", state="hidden")
    bedside.click("#discomfort")  # travels behind the late stop
    events: list[tuple[EventKind, int]] = []
    wait_until(lambda: _heard(robot, events, EventKind.DISCOMFORT), "the page's next event")
    assert ((EventKind.STOP, 1) in events) is sent
    bedside.evaluate("bedsidePage.stop.now = () => performance.now()")


def _heard(robot: Robot, events: list[tuple[EventKind, int]], kind: EventKind) -> bool:
    events.extend(kinds(robot))
    return any(k is kind for k, _ in events)


def test_phrases_and_room_picture_go_between_the_pages(
    bedside: Page, driver: Page, robot: Robot
) -> None:
    driver.click("[data-phrase=breathe_hold]")
    expect(bedside.locator("#heard")).to_have_attribute("data-phrase", "breathe_hold")
    bedside.click("#language")
    expect(bedside.locator("#heard")).to_have_text(re.compile("屏住"))
    bedside.click("[data-phrase=ready]")
    expect(driver.locator("#heard")).to_have_attribute("data-phrase", "ready")
    wait_js(driver, "document.querySelector('#room').videoWidth > 0")
    driver.click("#microphone")
    driver.wait_for_selector("#microphone[aria-pressed=true]")
    wait_js(driver, "consoleApp.talk.audio.sender.track?.kind === 'audio'")


def test_the_last_events_are_listed_with_their_causes(bedside: Page, robot: Robot) -> None:
    robot.show(state=State.HOLD, first_out=Cause.CONSOLE_LOST, alarm=Alarm.MEDIUM)
    expect(bedside.locator("#events li").first).to_have_text(re.compile("connection to the expert"))
    robot.show(state=State.IDLE)
    expect(bedside.locator("#events li").first).to_have_text(re.compile("Idle"))


@pytest.mark.parametrize(
    ("ok", "words"), [(True, "The force is zero now"), (False, "Refused: .*more than 3 N")]
)
def test_the_force_zero_says_what_became_of_it(
    bedside: Page, robot: Robot, ok: bool, words: str
) -> None:
    robot.show(state=State.IDLE)
    wait_js(bedside, "bedsidePage.telemetry?.stateName === 'IDLE'")
    bedside.click("#force-zero")
    assert wait_until(lambda: kinds(robot), "the request") == [(EventKind.FORCE_ZERO, 0)]
    expect(bedside.locator("#force-zero-words")).to_have_text(re.compile("Measuring"))
    robot.arm = {"zero_serial": robot.arm.get("zero_serial", 1 << 40) + 1, "zero_ok": ok}
    expect(bedside.locator("#force-zero-words")).to_have_text(re.compile(words))


def test_the_force_zero_says_when_it_is_not_the_time_and_when_nobody_answers(
    bedside: Page, robot: Robot
) -> None:
    robot.show(state=State.ARMED)
    wait_js(bedside, "bedsidePage.telemetry?.stateName === 'ARMED'")
    bedside.click("#force-zero")
    expect(bedside.locator("#force-zero-words")).to_have_text(re.compile("Not now"))
    assert robot.events() == []
    robot.show(state=State.LOCAL)
    wait_js(bedside, "bedsidePage.telemetry?.stateName === 'LOCAL'")
    bedside.click("#force-zero")
    expect(bedside.locator("#force-zero-words")).to_have_text(re.compile("Not taken"))
    bedside.click("#language")
    expect(bedside.locator("#force-zero-words")).to_have_text(re.compile("未执行"))
