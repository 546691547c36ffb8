"""What the console tells about its screen, and when it draws."""

from __future__ import annotations

import msgspec
import pytest
from conftest import Open
from playwright.sync_api import Page

from transport.schema import Presented

pytestmark = pytest.mark.browser

REPORTS = """async ([hz, seconds, dropped]) => {
  const { ScreenReport } = await import("/static/net/genlock.js");
  const sent = [];
  const report = new ScreenReport((message) => sent.push(message));
  const refresh = 1000 / hz;
  for (let frame = 0; frame * refresh <= 1000 * seconds; frame += 1) {
    if (dropped.includes(frame % 60)) continue;
    const now = frame * refresh;
    if (frame % 2 === 0) report.picture(now, { receiveTime: now - 9, processingDuration: 0.002 });
    if (frame % 4 === 0) report.picture(now, {}); // a browser that does not say
    report.frame(now);
  }
  return sent;
}"""
DRAWS = """async () => {
  const view = consoleApp.view, times = [];
  return [[0, 0], [10, 0], [20, 1], [30, 1], [49, 1], [51, 1], [60, 2]].map(([at, pictures]) => {
    consoleApp.video.frames = 1000 + pictures;
    return view.due(1e6 + at);
  });
}"""


@pytest.fixture
def blank(open_page: Open) -> Page:
    return open_page("observer", join=False)


@pytest.mark.parametrize("hz", [59.94, 60.0, 120.0])
@pytest.mark.parametrize("dropped", [[], [7, 8, 31]])
def test_a_report_a_second_that_the_robot_accepts(
    blank: Page, hz: float, dropped: list[int]
) -> None:
    sent = blank.evaluate(REPORTS, [hz, 3.2, dropped])
    assert len(sent) == 3
    for message in sent:
        taken = msgspec.convert({"type": "presented", **message}, Presented)
        assert taken.refresh_ms == pytest.approx(1000 / hz, rel=1e-3)
        assert set(taken.waits_ms) == {7.0}
        assert len(taken.waits_ms) > 25


def test_pictures_that_were_replaced_before_they_were_shown_are_counted(blank: Page) -> None:
    sent = blank.evaluate(
        """async () => {
          const { ScreenReport } = await import("/static/net/genlock.js");
          const sent = [];
          const report = new ScreenReport((message) => sent.push(message));
          let presentedFrames = 500; // what was before is not ours
          for (let frame = 0; frame < 130; frame += 1) {
            presentedFrames += frame === 20 || frame === 40 ? 2 : 1;
            if (frame === 90) presentedFrames = 1; // another connection
            if (frame === 95) presentedFrames += 5000;
            report.picture(10 * frame, { receiveTime: 10 * frame - 5, presentedFrames });
            report.frame(10 * frame);
          }
          return sent;
        }"""
    )
    assert [message["skipped"] for message in sent] == [128]
    early = blank.evaluate(REPORTS, [60.0, 1.2, []])
    assert [message["skipped"] for message in early] == [0]


def test_strange_times_stay_within_what_the_robot_accepts(blank: Page) -> None:
    sent = blank.evaluate(
        """async () => {
          const { ScreenReport } = await import("/static/net/genlock.js");
          const sent = [];
          const report = new ScreenReport((message) => sent.push(message));
          for (let now = 0; now <= 1200; now += 1) { // a thousand display frames a second
            report.picture(now, { receiveTime: now % 2 ? 1e9 : -1e9 });
            report.frame(now);
          }
          return sent;
        }"""
    )
    taken = msgspec.convert({"type": "presented", **sent[0]}, Presented)
    assert taken.refresh_ms == 2.0
    assert len(taken.waits_ms) == 128
    assert set(taken.waits_ms) == {-100.0, 200.0}


def test_a_clock_that_stood_still_is_not_told(blank: Page) -> None:
    sent = blank.evaluate(
        """async () => {
          const { ScreenReport } = await import("/static/net/genlock.js");
          const sent = [];
          const report = new ScreenReport((message) => sent.push(message));
          report.picture(0, { receiveTime: 0 });
          for (let frame = 0; frame < 30; frame += 1) report.frame(5);
          report.frame(2000);
          return sent;
        }"""
    )
    assert sent == []


def test_a_page_without_pictures_tells_nothing(blank: Page) -> None:
    script = REPORTS.replace("frame % 2 === 0", "false")
    assert blank.evaluate(script, [60.0, 3.0, []]) == []


def test_it_draws_with_each_picture_and_at_times_without(open_page: Open) -> None:
    console = open_page("console", join=False)
    console.evaluate("consoleApp.view.render = () => {}; consoleApp.view.drawnAt = -Infinity")
    # first; too early; a picture; again too early for none; late enough; just drawn; a picture
    assert console.evaluate(DRAWS)[:4] == [True, False, True, False]
    assert console.evaluate(DRAWS)[4:] == [False, True, True]
