"""The real latency bench once, short: that it works and agrees with itself, not how fast it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.kit.model import CaseResult, Run, figure_of

pytestmark = pytest.mark.process


def bench(tmp_path: Path, only: str) -> CaseResult:
    command = [sys.executable, "-m", "teleop.cli", "bench", "latency", "--quick", "--json"]
    done = subprocess.run(
        [*command, "--only", only, "--out", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    run = msgspec.json.decode(done.stdout, type=Run)
    [result] = run.results
    assert (tmp_path / "latency" / run.started_utc / "report.html").stat().st_size > 5000
    return result


def number(result: CaseResult, name: str) -> float:
    figure = figure_of(result, name)
    assert figure is not None, name
    assert figure.value is not None, name
    return figure.value


def test_pictures_reach_a_native_viewer_and_both_ways_agree(tmp_path: Path) -> None:
    result = bench(tmp_path, "ours-native")
    assert number(result, "pixels and echo differ max") < 2.0
    assert number(result, "glass to decoded by pixels p50") > 0.5
    assert number(result, "PSNR") > 25.0
    assert number(result, "encode p50") > 0.0
    assert {"network p50", "decode p50", "send (first to last packet) p50"} <= {
        f.name for f in result.measured.figures
    }


@pytest.mark.browser
def test_pictures_reach_a_real_chromium_and_both_ways_agree(tmp_path: Path) -> None:
    if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    result = bench(tmp_path, "ours-chromium")
    assert number(result, "pixels and echo differ max") < 2.0
    assert number(result, "page clock uncertain by") < 50.0
    assert number(result, "glass to presented p50") > number(result, "decode, mean")
