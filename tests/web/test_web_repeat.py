"""On a single link the page sends each command twice; the robot takes it once, the first copy."""

from __future__ import annotations

import random

import pytest
from conftest import Open
from fake_robot import Robot, wait_until
from playwright.sync_api import Page

from safety.messages import FRAME_BYTES
from transport.repeat import MARK, marked, unmarked
from transport.schema import HEARTBEAT

pytestmark = pytest.mark.browser

CODEC = """async ([messages, size]) => {
  const { marked, unmarked } = await import("/static/net/repeat.js");
  return messages.map((bytes) => {
    const copy = marked(new Uint8Array(bytes));
    const found = unmarked(new Uint8Array(bytes).buffer, size);
    return [[...copy], [...new Uint8Array(found.message)], found.again];
  });
}"""
ORDER = """async () => {
  const { Repeat } = await import("/static/net/repeat.js");
  const sent = [];
  const repeat = new Repeat((copy) => sent.push(copy[0]));
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  repeat.sent(new Uint8Array([1]), true); // off
  await wait(20);
  repeat.afterMs = 2;
  for (const number of [2, 3, 4]) repeat.sent(new Uint8Array([number]), true); // overtaken: 2, 3
  await wait(20);
  repeat.sent(new Uint8Array([5]), true);
  repeat.sent(new Uint8Array([6]), false); // several links carry it
  await wait(20);
  return sent;
}"""
WATCH = """() => {
  const channel = consoleApp.command.links[0].command;
  const send = channel.send.bind(channel);
  window.wire = [];
  channel.send = (bytes) => {
    window.wire.push([...new Uint8Array(bytes)]);
    send(bytes);
  };
}"""


@pytest.fixture
def blank(open_page: Open) -> Page:
    return open_page("observer", join=False)


def test_copies_are_the_same_bytes_as_in_python(blank: Page) -> None:
    rng = random.Random(3)
    sizes = (0, 1, HEARTBEAT.size - 1, HEARTBEAT.size, HEARTBEAT.size + 1, FRAME_BYTES)
    messages = [rng.randbytes(size) for size in sizes for _ in range(20)]
    messages += [message[:-1] + MARK for message in messages if message]
    told = blank.evaluate(CODEC, [[list(m) for m in messages], HEARTBEAT.size])
    for message, (copy, found, again) in zip(messages, told, strict=True):
        assert bytes(copy) == marked(message)
        assert (bytes(found), again) == unmarked(message, HEARTBEAT.size)


def test_what_was_overtaken_is_not_sent_again(blank: Page) -> None:
    assert blank.evaluate(ORDER) == [4]


@pytest.mark.breaks_page
def test_each_command_leaves_twice_and_counts_once(driver: Page, robot: Robot) -> None:
    before = robot.gateway().frames_rejected
    driver.evaluate(WATCH)
    wait_until(lambda: driver.evaluate("window.wire.length") > 400, "commands leave")
    wire = [bytes(message) for message in driver.evaluate("window.wire")]
    frames = [message for message in wire if len(message) == FRAME_BYTES]
    copies = [message for message in wire if len(message) == FRAME_BYTES + 1]
    assert len(set(frames)) == len(frames)
    assert len(copies) > 0.5 * len(frames), "a busy page may drop some, never all"
    newest = frames[0]
    for message in wire[wire.index(newest) :]:
        if len(message) == FRAME_BYTES:
            newest = message
        elif len(message) == FRAME_BYTES + 1:
            assert message == marked(newest), "only the newest is sent again"
    assert robot.gateway().frames_rejected == before, "the robot takes copies for what they are"
