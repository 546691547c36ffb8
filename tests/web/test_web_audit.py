"""The browser console's own audit log: signed in the page, witnessed by the robot's, handed out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_robot import Robot, wait_until
from playwright.sync_api import Page

from teleop.audit.book import LOG_FILE
from teleop.audit.lines import Kind
from teleop.audit.merkle import Tree
from teleop.audit.messages import SOCKET
from teleop.audit.read import parse
from teleop.audit.verify import verify

pytestmark = pytest.mark.browser

PROOFS = """async (most) => {
  const { Tree, isConsistent } = await import('/static/audit/merkle.js');
  const hex = (bytes) => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
  const tree = new Tree();
  const out = [];
  for (let size = 1; size <= most; size += 1) {
    tree.append(Uint8Array.of(size));
    for (let first = 1; first <= size; first += 1) {
      const proof = tree.consistency(first, size);
      const believed = isConsistent(first, size, tree.root(first), tree.root(size), proof);
      const turned = [first, size, tree.root(size), tree.root(first), proof];
      const wrong = first < size && isConsistent(...turned);
      out.push([first, size, hex(tree.root(size)), proof.map(hex), believed, wrong]);
    }
  }
  return out;
}"""


def test_trees_and_proofs_of_the_page_are_those_of_the_robot(driver: Page) -> None:
    most, tree = 20, Tree()
    for size in range(1, most + 1):
        tree.append(bytes([size]))
    found = driver.evaluate(PROOFS, most)
    assert len(found) == most * (most + 1) // 2
    for first, size, root, proof, believed, wrong in found:
        assert root == tree.root(size).hex()
        assert proof == [step.hex() for step in tree.consistency(first, size)]
        assert believed
        assert not wrong


@pytest.fixture
def state(robot: Robot, tmp_path: Path) -> Iterator[Path]:
    """The robot's audit process beside the gateway; its state folder."""
    read, life = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "teleop.audit", "--run", str(robot.run_dir), "--life", str(read),
         "--state", str(tmp_path / "site")], pass_fds=(read,),
    )  # fmt: skip
    os.close(read)
    wait_until((robot.run_dir / SOCKET).exists, "the audit process", 60)
    yield tmp_path / "site"
    if child.poll() is None:
        child.kill()
    child.wait()
    os.close(life)
    (robot.run_dir / SOCKET).unlink(missing_ok=True)


def until_js(page: Page, expression: str) -> Any:
    return wait_until(lambda: page.evaluate(expression), expression, 60.0)


@pytest.mark.breaks_page
def test_both_logs_hold_what_the_other_signed_and_agree(driver: Page, state: Path) -> None:
    until_js(driver, "consoleApp.audit.log?.known !== null && consoleApp.audit.log?.confirmed > 0")
    driver.click("#stop")
    until_js(driver, "consoleApp.audit.log.lines.some((line) => line.includes('STOP'))")
    more = driver.evaluate("consoleApp.audit.log.known.head.size")
    until_js(driver, f"consoleApp.audit.log.known.head.size > {more}")
    page_log = driver.evaluate("consoleApp.audit.closed()").encode()
    robot_log = (state / LOG_FILE).read_bytes()
    verdict = verify(robot_log, page_log)
    assert not verdict.b, verdict.b
    assert verdict.witnessed_a > 0
    assert verdict.witnessed_b > 0
    kinds = [entry.kind for entry, _ in parse(page_log).entries]
    assert {Kind.OPENED, Kind.JOINED, Kind.ACT, Kind.WITNESSED, Kind.COSIGNED, Kind.CLOSED} <= set(
        kinds
    )
    changed = page_log.replace(b'"act"', b'"left"', 1)
    assert not verify(robot_log, changed).good


@pytest.mark.breaks_page
def test_a_robot_that_rewrites_its_past_is_announced(driver: Page, state: Path) -> None:
    until_js(driver, "consoleApp.audit.log?.known")
    assert state.exists()
    driver.evaluate(
        """() => {
          const { known } = consoleApp.audit.log;
          const root = btoa('x'.repeat(32));
          consoleApp.audit.log.known = { ...known, head: { ...known.head, root } };
        }"""
    )
    driver.wait_for_selector("#notice[data-reason=audit]", timeout=60_000)
    until_js(driver, "consoleApp.audit.log.lines.some((line) => line.includes('forked'))")


@pytest.mark.breaks_page
def test_the_button_hands_the_log_out_as_a_file(driver: Page, tmp_path: Path) -> None:
    until_js(driver, "consoleApp.audit.log !== null")
    with driver.expect_download() as waiting:
        driver.click("#audit-save")
    file = tmp_path / "page.log"
    waiting.value.save_as(file)
    log = parse(file.read_bytes())
    assert not log.found
    assert not log.end_faults()
    assert log.header.origin.startswith("browser-")
