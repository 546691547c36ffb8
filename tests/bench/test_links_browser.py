"""A real Chromium behind an emulated link: TCP and the browser's own network code."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from bench.links.emulator import EmulatorError
from bench.links.namespaces import Namespaces, Side, why_not
from bench.links.network import Network
from bench.links.profiles import scenario

pytestmark = [pytest.mark.process, pytest.mark.browser]
SERVE = (
    "import http.server, sys\n"
    "server = http.server.ThreadingHTTPServer((sys.argv[1], 8000),"
    " http.server.SimpleHTTPRequestHandler)\n"
    "print('ready', flush=True)\n"
    "server.serve_forever()\n"
)


def test_chromium_reaches_the_robot_only_through_the_link(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is missing: apt-get install chromium fonts-noto-cjk")
    lack = why_not()
    if lack:
        pytest.skip(f"{lack}: real packets are not tested")
    try:
        Namespaces(1).close()
    except EmulatorError as error:
        pytest.skip(f"{error}: real packets are not tested")
    (tmp_path / "index.html").write_text("<title>behind the link</title>" + "x" * 20_000)
    with Network(scenario("5g")) as network:
        robot = network.address(Side.ROBOT)
        server = network.start(
            Side.ROBOT, [sys.executable, "-c", SERVE, robot],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=network.wrapper(Side.CONSOLE, chromium), args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.goto(f"http://{robot}:8000/", timeout=90_000)
            assert page.title() == "behind the link"
            took_ms = page.evaluate(
                "() => { const t = performance.getEntriesByType('navigation')[0];"
                " return t.responseEnd - t.fetchStart; }"
            )
            browser.close()
    assert took_ms >= 40.0, "connect and request: two round trips of 20 ms"
    report = network.emulator.report
    assert report is not None
    assert all(lane.passed > 5 for lane in report.lanes)
