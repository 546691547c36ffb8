"""What everybody must be able to see and reach: sizes, contrast, focus, both languages."""

from __future__ import annotations

import pytest
from conftest import Open, wait_js
from fake_robot import Robot
from playwright.sync_api import Page

from safety.states import Alarm, Cause, Clamp, Instrument, State, Step

pytestmark = pytest.mark.browser

CONTRAST = """() => {
  const luminance = (c) => {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const f = c.map((v) => linear(v / 255));
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2];
  };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.length === 3 || c[3] > 0.9) return c.slice(0, 3);
    }
    return [0, 0, 0];
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(".stop[data-connected=false]")) continue;
    const style = getComputedStyle(node);
    const [a, b] = [luminance(parse(style.color)), luminance(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push([node.id || node.className || node.tagName, ratio]);
  }
  return poor;
}"""
OVERFLOW = """() => [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  return node.checkVisibility() && box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
}).map((node) => node.id || node.className || node.tagName)"""
TARGETS = """() => [...document.querySelectorAll("button, select, input")].filter((node) => {
  const box = node.getBoundingClientRect();
  return node.checkVisibility() && (box.width < 44 || box.height < 44);
}).map((node) => node.id || node.textContent)"""


def alarm(robot: Robot) -> None:
    robot.show(
        state=State.SAFE_STOP, first_out=Cause.FORCE_OVER_LIMIT, alarm=Alarm.HIGH,
        step=Step.ACKNOWLEDGE, instrument=Instrument.PROBE, clamps=Clamp.WORKSPACE | Clamp.TILT,
    )  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("size", [(768, 1024), (360, 740)])
def test_bedside_fits_and_its_targets_are_large(
    open_page: Open, robot: Robot, lang: str, size: tuple[int, int]
) -> None:
    alarm(robot)
    page = open_page("bedside", lang=lang, size=size)
    page.wait_for_selector("#state[data-state=SAFE_STOP]")
    assert page.evaluate(OVERFLOW) == []
    assert page.evaluate(TARGETS) == []
    assert page.evaluate(CONTRAST) == []


def test_console_fits_one_screen_in_both_languages(driver: Page, robot: Robot) -> None:
    alarm(robot)
    driver.wait_for_selector("#acknowledge", state="visible")
    for _ in ("en", "zh"):
        assert driver.evaluate(OVERFLOW) == []
        assert driver.evaluate(CONTRAST) == []
        assert driver.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
        driver.click("#language")


def test_everything_is_reached_by_keyboard_and_the_focus_is_seen(driver: Page) -> None:
    driver.wait_for_selector("#acknowledge", state="hidden")
    wanted = set(
        driver.evaluate(
            """() => [...document.querySelectorAll("button, select, input, #picture")]
              .filter((node) => node.checkVisibility() && node.id && !node.closest("dialog"))
              .map((node) => node.id)"""
        )
    )
    reached: set[str] = set()
    for _ in range(60):
        driver.keyboard.press("Tab")
        name, outline = driver.evaluate(
            """() => [document.activeElement.id,
              parseFloat(getComputedStyle(document.activeElement).outlineWidth)]"""
        )
        assert not name or outline >= 2, name
        reached.add(name)
    assert wanted <= reached


def test_alarms_do_not_move_for_people_who_asked_for_that(driver: Page, robot: Robot) -> None:
    alarm(robot)
    driver.wait_for_selector("#status[data-alarm=HIGH]")
    name = "getComputedStyle(document.querySelector('#alarm-mark')).animationName"
    assert driver.evaluate(name) == "alarm"
    driver.emulate_media(reduced_motion="reduce")
    wait_js(driver, f"{name} === 'none'")
    driver.emulate_media(reduced_motion="no-preference")


def test_alarms_are_announced(driver: Page) -> None:
    assert driver.get_attribute("#status", "aria-live") == "assertive"
    assert driver.get_attribute("#path-alarm", "role") == "alert"
    unnamed = driver.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter((node) => {
          const named = node.textContent.trim() || node.ariaLabel || node.labels?.length;
          return node.checkVisibility() && !named;
        }).map((node) => node.id)"""
    )
    assert unnamed == []


def test_an_alarm_moves_no_button(open_page: Open, robot: Robot) -> None:
    page = open_page("bedside")
    before = page.locator("#allow").bounding_box()
    robot.silent = True
    page.wait_for_selector("#path-alarm[data-path=lost]")
    assert page.locator("#allow").bounding_box() == before
