"""The record process: reads the rings of a run and leaves a complete file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from record_samples import guard_step

from safety import messages as m
from teleop import channels
from teleop.config import Config, Record, write_run
from teleop.record.info import collect
from teleop.record.reader import open_recording
from teleop.supervisor.notes import Notes
from transport.local.clock import now_ns

pytestmark = pytest.mark.process
STEPS = 3000


def until(done: Callable[[], bool]) -> None:
    end = now_ns() + 60_000_000_000
    while not done():
        assert now_ns() < end
        threading.Event().wait(0.01)


class Run:
    def __init__(self, tmp_path: Path) -> None:
        self.run, self.out = tmp_path / "run", tmp_path / "out"
        channels.create_all(self.run)
        write_run(self.run, Config(record=Record(folder=str(self.out))))
        (self.run / "site.json").write_text('{"simulated": true, "boot": 3}')
        read, self.life = os.pipe()
        command = [sys.executable, "-m", "teleop.record", "--run", str(self.run)]
        self.process = subprocess.Popen([*command, "--life", str(read)], pass_fds=(read,))
        os.close(read)
        until((self.run / "record.json").exists)

    def status(self) -> dict[str, object]:
        content: dict[str, object] = json.loads((self.run / "record.json").read_text())
        return content

    def write_steps(self, steps: int) -> None:
        ring = channels.ring_writer(self.run, channels.GUARD_LOG)
        for number in range(1, steps + 1):
            ring.write(m.GUARD_STEP.pack(guard_step(number)))
        notes = Notes(self.run, "gateway")
        notes.write(now_ns(), kind="joined", role="console")


def test_everything_in_the_rings_reaches_the_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_steps(STEPS)  # fewer than the ring holds: nothing may be lost
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(60) == 0
    status = run.status()
    assert status["drops"] == 0
    recording = open_recording(Path(str(status["file"])))
    found = collect(recording)
    assert found.topics["guard_step"].messages == STEPS
    assert found.notes["gateway: joined"] == 1
    assert recording.complete
    assert recording.metadata["session"]["boot"] == "3"
    assert "command_age_ms" in recording.metadata["limits"]["json"]
    assert not list(run.out.glob("*.part"))
    os.close(run.life)


def test_it_completes_its_file_when_the_supervisor_is_gone(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_steps(10)
    os.close(run.life)
    assert run.process.wait(60) == 0
    recording = open_recording(Path(str(run.status()["file"])))
    assert collect(recording).topics["guard_step"].messages == 10


def test_a_killed_recorder_leaves_what_it_had_written(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.write_steps(1)
    until(lambda: int(str(run.status()["bytes"])) > 0)
    before = int(str(run.status()["bytes"]))
    run.write_steps(STEPS)
    until(lambda: int(str(run.status()["bytes"])) > before)
    run.process.kill()
    run.process.wait(60)
    os.close(run.life)
    (part,) = run.out.glob("*.part")
    recording = open_recording(part)
    assert collect(recording).topics["guard_step"].messages >= 500  # one chunk or more
    assert not recording.complete
