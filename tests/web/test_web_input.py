"""Deadman, keys, gamepad and hand: whatever looks wrong lets go, and nothing presses by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import wait_js
from fake_robot import Robot, wait_until
from playwright.sync_api import Page

from safety.states import Cause, State, Step

pytestmark = pytest.mark.browser

HIDE = """() => {
  Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def console(driver: Page, robot: Robot) -> Page:
    robot.show(state=State.ACTIVE, step=Step.NONE, consent=True)
    driver.wait_for_selector("#state[data-state=ACTIVE]")
    wait_js(driver, "consoleApp.deadman.blocks.size === 0")
    wait_until(sees(robot, False), "frames of this page")
    return driver


def held(page: Page) -> bool:
    return bool(page.evaluate("consoleApp.deadman.held"))


def sees(robot: Robot, deadman: bool) -> Callable[[], bool]:
    def check() -> bool:
        frame = robot.frame()
        return frame is not None and frame.deadman is deadman

    return check


def hold(page: Page, robot: Robot) -> int:
    """Press until it counts: a picture that hitches on a busy machine lets go, as it should."""

    def pressed() -> bool:
        if not held(page):
            page.keyboard.up("Space")
            wait_js(page, "consoleApp.deadman.blocks.size === 0")
            page.keyboard.down("Space")
        return sees(robot, True)()

    wait_until(pressed, "the robot sees the deadman")
    frame = robot.frame()
    assert frame is not None
    return frame.deadman_edges


def test_space_reaches_the_robot_and_counts_presses(console: Page, robot: Robot) -> None:
    first = hold(console, robot)
    console.keyboard.up("Space")
    wait_until(sees(robot, False), "the robot sees the release")
    assert 1 <= (hold(console, robot) - first) % 65536 < 100, "one for each press"


@pytest.mark.breaks_page
@pytest.mark.parametrize(
    "event",
    [
        "window.dispatchEvent(new Event('blur'))",
        f"({HIDE})()",
        "window.dispatchEvent(new Event('pagehide'))",
        "document.querySelector('#join-dialog').showModal();"
        "document.querySelector('#code').focus()",
        "window.dispatchEvent(new CompositionEvent('compositionstart'))",
        "consoleApp.command.heartbeatAt = -1e9; consoleApp.command.heard = () => {}",
        "consoleApp.picture.staleMs = -1",
        "document.querySelector('#freeze').click()",
        "document.querySelector('#help-open').click()",
    ],
    ids=["blur", "hidden", "pagehide", "typing", "composing", "no path", "stale", "freeze", "help"],
)
def test_what_looks_wrong_lets_go_and_only_a_new_press_holds(
    console: Page, robot: Robot, event: str
) -> None:
    hold(console, robot)
    console.evaluate(event)
    wait_js(console, "!consoleApp.deadman.held")
    # The key is still down: its repeats must not hold again.
    repeat = "window.dispatchEvent(new KeyboardEvent('keydown', {code: 'Space', repeat: true}))"
    console.evaluate(repeat)
    assert not held(console)


def test_after_a_lost_window_the_first_press_only_shows_that_the_key_was_let_go(
    console: Page, robot: Robot
) -> None:
    hold(console, robot)
    console.evaluate("window.dispatchEvent(new Event('blur'))")
    console.keyboard.up("Space")
    console.keyboard.down("Space")
    assert held(console)


def test_composing_chinese_does_not_swallow_the_release(console: Page, robot: Robot) -> None:
    hold(console, robot)
    console.evaluate(
        """() => document.querySelector("#picture").dispatchEvent(new KeyboardEvent("keyup",
          { code: "Space", key: "Process", isComposing: true, bubbles: true }))"""
    )
    wait_until(sees(robot, False), "the robot sees the release")


def test_a_release_inside_a_text_field_counts(console: Page, robot: Robot) -> None:
    hold(console, robot)
    robot.show(state=State.ARMED, step=Step.READ_MARK, mark=4711)
    console.wait_for_selector("#mark-input", state="visible")
    assert held(console), "the field does not take the focus while the deadman is held"
    console.evaluate(
        """() => document.querySelector("#mark-input").dispatchEvent(new KeyboardEvent("keyup",
          { code: "Space", bubbles: true }))"""
    )
    wait_js(console, "!consoleApp.deadman.held")


@pytest.mark.breaks_page
def test_repeats_that_stop_mean_a_lost_release(console: Page, robot: Robot) -> None:
    hold(console, robot)
    console.evaluate(
        """() => { for (let i = 0; i < 4; i++) window.dispatchEvent(
          new KeyboardEvent("keydown", { code: "Space", repeat: true })); }"""
    )
    wait_js(console, "consoleApp.deadman.lastRelease === 'lost_key'")
    assert not held(console)


def test_space_on_a_focused_button_holds_and_does_not_press_it(console: Page, robot: Robot) -> None:
    console.focus("#freeze")
    hold(console, robot)
    console.keyboard.up("Space")
    assert console.get_attribute("#freeze", "aria-pressed") == "false"


def test_the_button_holds_by_touch_and_mouse(console: Page, robot: Robot) -> None:
    box = console.locator("#deadman").bounding_box()
    assert box
    console.mouse.move(box["x"] + 20, box["y"] + 20)
    console.mouse.down()
    wait_until(sees(robot, True), "held by the button")
    console.mouse.up()
    wait_until(sees(robot, False), "let go")


PAD = """(state) => {
  globalThis.pad = { index: 0, connected: true, axes: [0, 0, 0, 0],
    buttons: Array.from({ length: 16 }, () => ({ value: 0, pressed: false })) };
  consoleApp.gamepad.read = () => (globalThis.pad ? [globalThis.pad] : [null]);
}"""


@pytest.mark.breaks_page
def test_gamepad_trigger_holds_and_a_lost_pad_lets_go(console: Page, robot: Robot) -> None:
    console.evaluate(PAD)
    wait_js(console, "consoleApp.gamepad.index === 0")
    console.evaluate("pad.buttons[7].value = 0.9; pad.axes[0] = 1")
    wait_until(sees(robot, True), "held by the trigger")
    wait_until(lambda: (f := robot.frame()) and f.hand_p_m[0] > 0.002, "the stick moves the hand")
    console.evaluate("globalThis.pad = null")
    wait_until(sees(robot, False), "the pad is gone")


@pytest.mark.breaks_page
def test_a_pad_with_its_trigger_pulled_is_not_taken(console: Page) -> None:
    console.evaluate(PAD)
    console.evaluate("consoleApp.gamepad.lost(); pad.buttons[7].value = 1")
    console.evaluate("consoleApp.gamepad.poll()")
    assert not held(console)


def hand(robot: Robot) -> tuple[float, ...]:
    frame = robot.frame()
    assert frame is not None
    return frame.hand_p_m


def test_keys_move_the_hand_only_while_held_and_active(console: Page, robot: Robot) -> None:
    console.keyboard.down("KeyD")
    start = hand(robot)
    console.evaluate("new Promise((done) => setTimeout(done, 120))")
    assert hand(robot) == start
    hold(console, robot)
    wait_until(lambda: hand(robot)[0] > start[0] + 0.002, "D moves to the right")
    robot.show(state=State.HOLD, step=Step.HOLD_DEADMAN, first_out=Cause.COMMAND_AGE)
    console.wait_for_selector("#state[data-state=HOLD]")
    wait_until(lambda: (f := robot.frame()) and f.hand_v_m_s == (0.0, 0.0, 0.0), "rest")
    rest = hand(robot)
    console.evaluate("new Promise((done) => setTimeout(done, 120))")
    assert hand(robot) == rest


def test_drag_moves_the_hand_and_never_faster_than_allowed(console: Page, robot: Robot) -> None:
    hold(console, robot)
    start = hand(robot)
    box = console.locator("#picture").bounding_box()
    assert box
    console.mouse.move(box["x"] + 200, box["y"] + 200)
    console.mouse.down()
    console.mouse.move(box["x"] + 400, box["y"] + 200)
    wait_until(lambda: hand(robot)[0] > start[0] + 0.004, "dragging right moves right")
    console.mouse.up()
    speed = console.evaluate(
        """async () => {
          const { Hand } = await import("/static/input/hand.js");
          const hand = new Hand();
          const none = { linear: [0, 0, 0], angular: [0, 0, 0] };
          const seen = [];
          for (let i = 0; i < 400; i++) {
            if (i < 200) hand.dragged(0.05, 0.02);
            const before = [...hand.p];
            hand.step(0.005, none, true);
            seen.push(Math.hypot(...hand.p.map((v, k) => v - before[k])) / 0.005);
          }
          return { most: Math.max(...seen), rest: seen.at(-1), after: seen.slice(210, 215) };
        }"""
    )
    assert speed["most"] <= 0.1 + 1e-9
    assert speed["rest"] < 1e-6


def test_input_is_sampled_at_200_hz_with_a_fresh_echo(console: Page, robot: Robot) -> None:
    rate = console.evaluate(
        """async () => {
          const [samples, start] = [consoleApp.sampler.samples, performance.now()];
          await new Promise((done) => setTimeout(done, 1500));
          return (consoleApp.sampler.samples - samples) / ((performance.now() - start) / 1000);
        }"""
    )
    assert rate > 100, "far below 200 Hz even on a busy machine"
    first = robot.frame()
    wait_until(lambda: (f := robot.frame()) and first and f.echo_ns > first.echo_ns, "newer echo")
    second = robot.frame()
    assert first
    assert second
    assert second.seq > first.seq
    assert second.epoch == (7 << 32) + 3
    assert second.frame_id != 0
    assert 0 <= second.dwell_us <= 100_000
    assert second.haptic_echo_us != 0


@pytest.mark.breaks_page
def test_a_page_that_hangs_sends_nothing(console: Page, robot: Robot) -> None:
    console.evaluate("consoleApp.sampler.ticker.stop()")
    console.evaluate("new Promise((done) => setTimeout(done, 100))")
    last = robot.frame()
    console.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert robot.frame() == last
