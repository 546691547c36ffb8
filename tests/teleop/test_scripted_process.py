"""`demo --auto` with real processes: expert and nurse join, land, scan and lift over WebRTC.

Timing is not the subject here (it is in tests/bench, on the virtual clock): limits are widened by
configuration, the picture is small, and what depends on the machine's speed is not asserted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.pages.demo import WIDENED
from teleop.config import Config, write_run

CONFIG = """
[video]
width = 320
height = 240
bitrate_kbps = 2000

"""
SPEED = {"frames_per_s", "driven_share", "followed_share", "scan_s"}
"""Criteria that a busy machine may miss."""


def _demo(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    config = folder / "config.toml"
    config.write_text(CONFIG + WIDENED.format(age=500.0), "utf-8")
    command = [sys.executable, "-m", "teleop.cli", "demo", "--json", "--port", "0", "--no-record"]
    command += ["--config", str(config), "--out", str(folder / "out"), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False
    )
    lines = [json.loads(x) for x in done.stdout.splitlines() if x.startswith("{")]
    return done.returncode, lines, done.stdout + done.stderr


@pytest.mark.process
def test_a_scripted_scan_succeeds_over_the_real_path(tmp_path: Path) -> None:
    _, lines, output = _demo(tmp_path, "--auto", "5")
    result = next((line for line in lines if line.get("event") == "result"), None)
    assert result is not None, output[-3000:]
    assert result["error"] == "", output[-3000:]
    failed = {c["name"] for c in result["criteria"] if not c["ok"]} - SPEED
    assert failed == set(), result
    measured = result["measured"]
    assert measured["scan_s"] > 2.0
    assert measured["force_error_n"]["count"] == 0 or measured["force_error_n"]["p99"] < 1.0
    assert measured["motion_allowed"] >= 1
    assert measured["unreadable_messages"] == 0


@pytest.mark.process
def test_a_bad_trajectory_is_refused_with_its_name(tmp_path: Path) -> None:
    bad = tmp_path / "bad.igs.mha"
    bad.write_bytes(b"ObjectType = Image\nNDims = 3\nElementDataFile = LOCAL\n" + bytes(64))
    write_run(tmp_path, Config())
    command = [sys.executable, "-m", "teleop.scripted", "--run", str(tmp_path), "--seconds", "5"]
    command += ["--trajectory", str(bad), "--result", str(tmp_path / "auto.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 2
    assert "bad.igs.mha" in done.stderr
    assert not (tmp_path / "auto.json").exists(), "a refusal is no result"
