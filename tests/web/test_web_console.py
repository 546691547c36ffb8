"""The console page: joining, what it shows, and what people do with it."""

from __future__ import annotations

import math
import re

import pytest
from conftest import Open, wait_js
from fake_robot import Robot, wait_until
from playwright.sync_api import Page, expect

from safety.states import Alarm, Cause, Clamp, EventKind, Source, State, Step

pytestmark = pytest.mark.browser


def kinds(robot: Robot) -> list[tuple[EventKind, int]]:
    return [(event.kind, event.arg) for event in robot.events()]


def test_the_code_leaves_the_address_and_works_once(open_page: Open, robot: Robot) -> None:
    address = robot.url("console")
    page = open_page("console", path=address)
    assert "code" not in page.url
    again = open_page("console", join=False, path=address)
    again.click("#join")
    expect(again.locator("#join-problem")).to_have_text(re.compile("already used"))
    page.reload()
    page.wait_for_selector("#state:not([data-state=LOST])")


def test_a_wrong_code_is_explained_in_the_chosen_language(open_page: Open, robot: Robot) -> None:
    page = open_page("console", join=False, path=f"{robot.url('console', code=False, lang='zh')}")
    page.fill("#code", "ABCD-2222")
    page.press("#code", "Enter")
    expect(page.locator("#join-problem")).to_have_text(re.compile("加入码不正确"))
    page.fill("#code", "")
    page.click("#join")
    expect(page.locator("#join-problem")).to_have_text(re.compile("请输入加入码"))


def test_a_code_of_another_role_leads_to_its_page(open_page: Open, robot: Robot) -> None:
    code = robot.url("observer").split("#")[1]
    page = open_page("console", join=False, path=robot.url("console", code=False) + "#" + code)
    page.click("#join")
    page.wait_for_url(re.compile("/observe"))
    page.wait_for_selector("#state:not([data-state=LOST])")


def test_the_device_key_cannot_leave_the_browser(driver: Page) -> None:
    outcome = driver.evaluate(
        """async () => {
          const { deviceKey } = await import("/static/identity.js");
          const pair = await deviceKey();
          const tries = ["pkcs8", "jwk"].map((kind) =>
            crypto.subtle.exportKey(kind, pair.privateKey).then(() => "out", () => "kept"));
          return Promise.all(tries);
        }"""
    )
    assert outcome == ["kept", "kept"]


def test_states_causes_and_clamps_appear_in_words_within_100_ms(driver: Page, robot: Robot) -> None:
    driver.evaluate(
        """() => {
          globalThis.seen = new Promise((done) => new MutationObserver(() => {
            const ready = document.querySelector("#cause").dataset.cause === "WORKSPACE";
            if (ready && document.querySelector("#clamps").textContent) done(performance.now());
          }).observe(document.querySelector("#status"),
            { subtree: true, attributes: true, childList: true, characterData: true }));
        }"""
    )
    before = driver.evaluate("performance.now()")
    robot.show(
        state=State.HOLD, first_out=Cause.WORKSPACE, alarm=Alarm.MEDIUM, clamps=Clamp.WORKSPACE
    )
    shown = driver.evaluate("seen") - before
    assert shown < 1000, "100 ms on an idle machine"
    expect(driver.locator("#cause")).to_have_text(re.compile("outside its allowed space"))
    expect(driver.locator("#clamps")).to_have_text(re.compile("Edge of the allowed space"))
    driver.wait_for_selector("#status[data-alarm=MEDIUM]")
    assert driver.inner_text("#alarm-mark") == "!!"
    robot.show(state=State.HOLD, first_out=Cause.WORKSPACE)
    wait_js(driver, "document.querySelector('#clamps').textContent === ''")


def test_stop_by_button_and_escape_also_lets_go(driver: Page, robot: Robot) -> None:
    robot.show(state=State.ACTIVE)
    wait_js(driver, "consoleApp.deadman.blocks.size === 0")
    driver.keyboard.down("Space")
    robot.events()
    driver.keyboard.press("Escape")
    events = wait_until(robot.events, "the stop")
    assert (events[0].kind, events[0].source, events[0].arg) == (EventKind.STOP, Source.CONSOLE, 1)
    assert driver.evaluate("consoleApp.deadman.held") is False
    driver.click("#stop")
    seen: list[tuple[EventKind, int]] = []

    def stopped() -> bool:
        seen.extend(kinds(robot))
        return (EventKind.STOP, 1) in seen

    wait_until(stopped, "the button")


def test_escape_works_while_typing_and_with_letter_keys_off(driver: Page, robot: Robot) -> None:
    robot.show(state=State.QUALIFIED, step=Step.READ_MARK, mark=12)
    driver.click("#keys-toggle")
    driver.focus("#mark-input")
    robot.events()
    driver.keyboard.press("Escape")
    assert (EventKind.STOP, 1) in wait_until(lambda: kinds(robot), "the stop")
    before = driver.evaluate("document.documentElement.lang")
    driver.focus("#picture")
    driver.keyboard.press("l")
    assert driver.evaluate("document.documentElement.lang") == before


def test_the_mark_is_typed_and_sent(driver: Page, robot: Robot) -> None:
    robot.show(state=State.QUALIFIED, step=Step.READ_MARK, mark=4711)
    driver.wait_for_selector("#mark-input", state="visible")
    driver.fill("#mark-input", "47x")
    driver.press("#mark-input", "Enter")
    driver.fill("#mark-input", "4711")
    driver.press("#mark-input", "Enter")
    assert wait_until(lambda: kinds(robot), "the answer") == [(EventKind.MARK_ANSWER, 4711)]
    robot.show(state=State.QUALIFIED, step=Step.ALLOW_MOTION, mark=4711, mark_ok=True)
    driver.wait_for_selector("#mark-input", state="hidden")


@pytest.mark.breaks_page
def test_a_gap_takes_nothing_from_who_types_the_mark(driver: Page, robot: Robot) -> None:
    robot.show(state=State.QUALIFIED, step=Step.READ_MARK, mark=4711)
    driver.wait_for_selector("#mark-input", state="visible")
    driver.fill("#mark-input", "4711")
    driver.evaluate("consoleApp.pathOk = () => false; consoleApp.signalling.state = 'closed'")
    driver.wait_for_selector("#state[data-state=LOST]")
    assert driver.locator("#mark-input").is_visible()
    driver.press("#mark-input", "Enter")
    expect(driver.locator("#mark-input")).to_have_value("4711")


def test_a_latched_stop_is_acknowledged(driver: Page, robot: Robot) -> None:
    robot.show(
        state=State.SAFE_STOP, first_out=Cause.BEDSIDE_STOP, alarm=Alarm.MEDIUM,
        step=Step.ACKNOWLEDGE,
    )  # fmt: skip
    driver.click("#acknowledge")
    assert wait_until(lambda: kinds(robot), "the acknowledgement") == [(EventKind.ACKNOWLEDGE, 0)]
    robot.show(state=State.SAFE_STOP, first_out=Cause.BEDSIDE_STOP, acknowledged=True)
    driver.wait_for_selector("#acknowledge", state="hidden")


def test_force_wheel_slider_and_keys_set_the_reference(driver: Page, robot: Robot) -> None:
    def reference(newton: float) -> bool:
        frame = robot.frame()
        return frame is not None and math.isclose(frame.force_ref_n, newton)

    wait_until(lambda: reference(5.0), "5 N at the start")
    driver.hover("#picture")
    driver.mouse.wheel(0, -100)
    wait_until(lambda: reference(5.5), "the wheel")
    driver.focus("#picture")
    driver.keyboard.press("]")
    wait_until(lambda: reference(6.0), "the key")
    driver.evaluate(
        """() => { const slider = document.querySelector("#force-ref"); slider.value = "20";
          slider.dispatchEvent(new Event("input")); }"""
    )
    wait_until(lambda: reference(20.0), "the slider")
    driver.keyboard.press("]")
    assert reference(20.0)


def test_freeze_shows_a_copy_while_live_frames_run_on(driver: Page, robot: Robot) -> None:
    driver.wait_for_selector("#picture[data-live=live]")
    driver.click("#freeze")
    driver.wait_for_selector("#picture[data-live=frozen]")
    expect(driver.locator("#banners [data-banner=frozen]")).to_be_visible()
    frames = driver.evaluate("consoleApp.video.frames")
    wait_js(driver, f"consoleApp.video.frames > {frames + 2}")
    driver.click("#freeze")
    driver.wait_for_selector("#picture[data-live=live]")


@pytest.mark.breaks_page
def test_a_stale_picture_says_so(driver: Page) -> None:
    driver.wait_for_selector("#picture[data-live=live]")
    driver.evaluate("consoleApp.video.presented = () => {}")
    driver.evaluate("consoleApp.picture.staleMs = 150")
    driver.wait_for_selector("#picture[data-live=stale]")
    expect(driver.locator("#stale")).to_have_text("PICTURE NOT CURRENT")
    expect(driver.locator("#deadman-why")).to_have_text(re.compile("not current"))


def test_callipers_measure_in_millimetres_by_mouse_and_keys(driver: Page) -> None:
    wait_js(driver, "consoleApp.picture.state.mm_per_px > 0")
    driver.click("#measure")
    box = driver.locator("#picture").bounding_box()
    assert box
    driver.mouse.move(box["x"] + 100, box["y"] + 300)
    driver.mouse.down()
    driver.mouse.move(box["x"] + 200, box["y"] + 300)
    driver.mouse.up()
    scale = driver.evaluate("consoleApp.picture.state.mm_per_px")
    want = 100 * 640 / box["width"] * scale
    assert driver.evaluate("consoleApp.picture.callipers.distances()[0]") == pytest.approx(
        want, 0.02
    )
    expect(driver.locator("#measured")).to_have_text(re.compile(rf"1: {want:.0f}\.|1: {want:.1f}"))
    driver.focus("#picture")
    driver.keyboard.press("Enter")
    for _ in range(3):
        driver.keyboard.press("Shift+ArrowDown")
    assert driver.evaluate("consoleApp.picture.callipers.distances()[1]") == pytest.approx(
        30 * scale
    )


def test_stills_and_clips_are_stored(driver: Page) -> None:
    driver.wait_for_selector("#picture[data-live=live]")
    with driver.expect_download() as still:
        driver.click("#still")
    assert re.fullmatch(r"still_[0-9T-]+Z\.png", still.value.suggested_filename)
    assert still.value.path().read_bytes().startswith(b"\x89PNG")
    driver.click("#clip")
    wait_js(driver, "consoleApp.clip.running")
    driver.evaluate(
        """() => consoleApp.clip.recorder.addEventListener("dataavailable",
          (event) => { consoleApp.clip.heard = event.data.size > 0; })"""
    )
    wait_js(driver, "consoleApp.clip.heard === true")
    with driver.expect_download() as clip:
        driver.click("#clip")
    assert clip.value.path().read_bytes().startswith(b"\x1a\x45\xdf\xa3"), "EBML header"


def test_image_settings_reach_the_source_and_its_answer_is_shown(driver: Page) -> None:
    wait_js(driver, "consoleApp.picture.state.depth_m > 0")
    driver.evaluate(
        """() => { const depth = document.querySelector("#depth"); depth.value = "10";
          depth.dispatchEvent(new Event("input")); }"""
    )
    wait_js(driver, "Math.abs(consoleApp.picture.state.depth_m - 0.10) < 1e-6")
    driver.evaluate("consoleApp.signalling.send('image', { depth_m: 0.16 })")
    wait_js(driver, "Math.abs(consoleApp.picture.state.depth_m - 0.16) < 1e-6")
    expect(driver.locator("#depth-value")).to_have_text("16 cm")


def test_language_switches_everything_at_once(driver: Page, robot: Robot) -> None:
    robot.show(state=State.HOLD, first_out=Cause.COMMAND_AGE)
    driver.wait_for_selector("#state[data-state=HOLD]")
    driver.focus("#picture")
    driver.keyboard.press("l")
    expect(driver.locator("#state")).to_have_text("保持")
    expect(driver.locator("#stop")).to_have_text("停止")
    driver.click("#language")
    expect(driver.locator("#state")).to_have_text("On hold")


def test_a_second_console_is_let_in_without_the_lease_and_asks(
    driver: Page, open_page: Open, robot: Robot
) -> None:
    second = open_page("console")
    expect(second.locator("#lease")).to_have_text("Ask to drive")
    sent = second.evaluate("consoleApp.command.sent")
    second.wait_for_timeout(200)
    assert second.evaluate("consoleApp.command.sent") == sent == 0
    second.click("#lease")
    expect(second.locator("#lease")).to_have_text(re.compile("bedside must confirm"))
    bedside = open_page("bedside")
    bedside.wait_for_selector("#handover", state="visible")
    second.click("#lease")
    bedside.wait_for_selector("#handover", state="hidden")


def test_an_observer_watches_and_sends_nothing(open_page: Open, robot: Robot) -> None:
    robot.show(state=State.ACTIVE, clamps=Clamp.SPEED)
    page = open_page("observer")
    page.wait_for_selector("#state[data-state=ACTIVE]")
    page.wait_for_selector("#picture[data-live=live]")
    robot.events()
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    assert robot.events() == []
    assert page.locator("#stop, #deadman").count() == 0


def test_a_silent_guard_is_shown_as_a_fault_and_blocks_the_deadman(
    driver: Page, robot: Robot
) -> None:
    robot.show(state=State.ACTIVE)
    driver.wait_for_selector("#state[data-state=ACTIVE]")
    robot.silent = True
    driver.wait_for_selector("#state[data-state=FAULT]")
    driver.wait_for_selector("#path-alarm[data-path=lost]")
    wait_js(driver, "consoleApp.deadman.blocks.has('path')")
    robot.silent = False
    driver.wait_for_selector("#state[data-state=ACTIVE]")


def test_a_killed_gateway_is_said_at_once_and_the_page_comes_back_by_itself(
    driver: Page, robot: Robot
) -> None:
    robot.show(state=State.ACTIVE)
    driver.wait_for_selector("#state[data-state=ACTIVE]")
    robot.kill("gateway")
    driver.wait_for_selector("#path-alarm[data-path=lost]")
    driver.wait_for_selector("#cause[data-cause=PATH_LOST]")
    driver.wait_for_selector("#state[data-state=LOST]")
    robot.show(state=State.HOLD, first_out=Cause.GATEWAY_RESTARTED, alarm=Alarm.MEDIUM)
    robot.start("gateway")
    driver.wait_for_selector("#cause[data-cause=GATEWAY_RESTARTED]")
    driver.wait_for_selector("#path-alarm", state="hidden")
    driver.wait_for_selector("#picture[data-live=live]")
    seq = robot.frame()
    wait_until(lambda: robot.frame() != seq, "frames flow again")


@pytest.mark.breaks_page
def test_a_restarted_media_gives_the_picture_back(driver: Page, robot: Robot) -> None:
    driver.wait_for_selector("#picture[data-live=live]")
    driver.evaluate("consoleApp.picture.staleMs = 400")
    robot.kill("media")
    driver.wait_for_selector("#picture[data-live=stale]")
    robot.start("media")
    driver.evaluate("consoleApp.picture.staleMs = 5000")
    driver.wait_for_selector("#picture[data-live=live]")
