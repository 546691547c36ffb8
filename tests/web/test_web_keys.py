"""The page's command key against the robot's: same hash, same agreement, genuine frames."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from fake_robot import Robot, wait_until
from playwright.sync_api import Page

from safety.states import Authenticity

pytestmark = pytest.mark.browser

HASHES = """async (cases) => {
  const { Hmac, sha256 } = await import('/static/keys/sha256.js');
  return cases.map(([key, data]) => [
    [...sha256(Uint8Array.from(data))],
    [...new Hmac(Uint8Array.from(key)).digest(Uint8Array.from(data))],
  ]);
}"""


def test_hashes_are_those_of_the_standard_library(driver: Page) -> None:
    rng = random.Random(4)
    sizes = [0, 1, 54, 55, 56, 63, 64, 65, 108, 119, 120, 1301, 2600]
    cases = [(list(rng.randbytes(32)), list(rng.randbytes(size))) for size in sizes]
    for (key, data), (plain, keyed) in zip(cases, driver.evaluate(HASHES, cases), strict=True):
        assert bytes(plain) == hashlib.sha256(bytes(data)).digest()
        assert bytes(keyed) == hmac.digest(bytes(key), bytes(data), "sha256")


def test_frames_of_the_page_are_genuine_and_the_suite_is_shown(driver: Page, robot: Robot) -> None:
    wait_until(
        lambda: driver.evaluate("consoleApp.key.agreements > 0"), "consoleApp.key.agreements > 0"
    )
    wait_until(
        lambda: robot.keys.judge(robot.raw_frame()) is Authenticity.GENUINE, "a genuine frame"
    )
    forged = bytearray(robot.raw_frame())
    forged[60] ^= 1
    assert robot.keys.judge(bytes(forged)) is Authenticity.FORGED
    assert "X25519" in (driver.locator("#suite").get_attribute("data-suite") or "")


def test_signing_costs_microseconds(driver: Page) -> None:
    """Far below the 5 ms between samples; the figure is printed, the bound is generous."""
    wait_until(
        lambda: driver.evaluate("consoleApp.key.agreements > 0"), "consoleApp.key.agreements > 0"
    )
    took_us = driver.evaluate(
        """() => {
          const frame = new Uint8Array(124), start = performance.now();
          for (let i = 0; i < 2000; i += 1) consoleApp.key.sign(frame);
          return (performance.now() - start) / 2;
        }"""
    )
    print(f"signing a frame: {took_us:.1f} us")
    assert took_us < 2500


def test_the_page_takes_only_answers_that_the_site_signed(driver: Page) -> None:
    """Without touching the connection in use: another site's key, or one changed byte."""
    wait_until(
        lambda: driver.evaluate("consoleApp.signalling.siteKey"), "consoleApp.signalling.siteKey"
    )
    refused = driver.evaluate(
        """async () => {
          const { checkAnswer } = await import('/static/keys/binding.js');
          const { signalling } = consoleApp;
          const offer = { peer: 'video', link: 0, sdp: 'v=0' };
          const tries = [
            { sdp: 'v=0', proof: '', site_key: '' },
            { sdp: 'v=0', proof: 'A'.repeat(86), site_key: signalling.siteKey },
            { sdp: 'v=0', proof: 'A'.repeat(86), site_key: 'A'.repeat(43) },
          ];
          const said = [];
          for (const answer of tries)
            said.push(await checkAnswer(signalling, offer, answer).catch((e) => e.message));
          return said;
        }"""
    )
    assert refused == ["another site's key", "wrong signature", "another site's key"]
