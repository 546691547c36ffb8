"""Replay: real cores taped on virtual clocks; identical, gaps, restarts, differences, versions."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from record_samples import INDEX, write
from servo_rig import Rig as ServoRig
from servo_rig import scene
from typer.testing import CliRunner

from safety import messages as m
from safety.limits import Limits
from teleop.cli.app import app
from teleop.config import Config
from teleop.record.errors import ForeignFileError, RecordingError
from teleop.record.lanes import LANES
from teleop.record.mcapfile import McapFile
from teleop.record.reader import open_recording
from teleop.record.replay import LaneReport, replay
from tests.safety.harness import Rig as GuardRig

SNAPSHOT_EVERY = 50
Tape = list[tuple[str, int, bytes]]
"""(topic, stamp, bytes)."""


class Taped:
    """A core whose steps and states are written down like its process does."""

    def __init__(self, core: Any, topic: str, pack: Callable[[Any, Any], bytes]) -> None:
        self._core, self._topic, self._pack = core, topic, pack
        self.tape: Tape = []
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def step(self, inputs: Any) -> Any:
        outputs = self._core.step(inputs)
        self.tape.append((f"{self._topic}_step", inputs.now_ns, self._pack(inputs, outputs)))
        if self._count % SNAPSHOT_EVERY == 0:
            self.tape.append((f"{self._topic}_snapshot", inputs.now_ns, self._core.snapshot()))
        self._count += 1
        return outputs


@cache
def servo_tape() -> Tape:
    """Approach, touch and press on the simulated patient."""
    rig = ServoRig(scene(breathing_m=0.01))
    taped = Taped(rig.core, "servo", lambda i, o: m.SERVO_STEP.pack(m.ServoStep(i, o)))
    rig.core = taped  # type: ignore[assignment]
    rig.run(1.0)
    rig.close()
    return taped.tape


@cache
def guard_tape() -> Tape:
    """A console and a nurse work until the arm scans; then the link is cut."""
    rig = GuardRig()
    taped = Taped(rig.core, "guard", lambda i, o: m.GUARD_STEP.pack(m.GuardStep(i, o)))
    rig.core = taped  # type: ignore[assignment]
    rig.to_active()
    rig.console_alive = False
    rig.run(0.3)
    return taped.tape


def metadata(**session: str) -> dict[str, dict[str, str]]:
    return {
        "session": {"simulated": "true", **session},
        "config": {"json": msgspec.json.encode(Config()).decode()},
        "limits": {"json": msgspec.json.encode(Limits()).decode()},
    }


def record(path: Path, *tapes: Tape, without: tuple[int, ...] = ()) -> Path:
    """Write tapes; `without` leaves out step numbers (1, 2, ...) of every topic."""
    file = McapFile(path, "teleop test", metadata())
    for tape in tapes:
        numbers: dict[str, int] = {}
        for topic, stamp_ns, data in tape:
            number = numbers[topic] = numbers.get(topic, 0) + 1
            if topic.endswith("_step") and number in without:
                continue
            file.add(INDEX[topic], stamp_ns, number, data)
    return file.finish({"why": "end of session", "missing": "{}"})


def replayed(path: Path) -> dict[str, LaneReport]:
    return replay(open_recording(path), LANES)


@pytest.fixture(params=["servo", "guard"])
def lane(request: pytest.FixtureRequest) -> tuple[str, Tape]:
    name = str(request.param)
    return name, servo_tape() if name == "servo" else guard_tape()


def steps_of(tape: Tape) -> list[bytes]:
    return [data for topic, _, data in tape if topic.endswith("_step")]


def test_every_decision_comes_out_identical(tmp_path: Path, lane: tuple[str, Tape]) -> None:
    name, tape = lane
    report = replayed(record(tmp_path / "a.mcap", tape))[name]
    assert report.different == 0, report.differences[:1]
    assert report.identical == report.steps == len(steps_of(tape))
    assert report.spans == []


def test_after_a_gap_it_goes_on_from_the_next_snapshot_and_names_the_span(
    tmp_path: Path, lane: tuple[str, Tape]
) -> None:
    name, tape = lane
    report = replayed(record(tmp_path / "a.mcap", tape, without=(120, 121)))[name]
    assert report.different == 0
    (span,) = report.spans
    assert span.reason == "2 steps are missing in the recording"
    assert span.steps == 30  # 122 .. 151; the state after 151 is a snapshot
    assert report.identical == report.steps - 30


def test_a_recording_that_begins_in_the_middle(tmp_path: Path, lane: tuple[str, Tape]) -> None:
    name, tape = lane
    report = replayed(record(tmp_path / "a.mcap", tape, without=tuple(range(1, 61))))[name]
    assert report.different == 0
    assert report.spans[0].reason == "the recording begins in the middle"
    assert report.identical > 0


def test_a_changed_decision_is_found_with_its_field(tmp_path: Path, lane: tuple[str, Tape]) -> None:
    name, tape = lane
    layout: Any = m.SERVO_STEP if name == "servo" else m.GUARD_STEP
    numbers = [i for i, (topic, _, _) in enumerate(tape) if topic.endswith("_step")]
    at = numbers[69]
    step = layout.unpack(tape[at][2])
    report = dataclasses.replace(step.outputs.report, cycle=step.outputs.report.cycle + 1)
    outputs = dataclasses.replace(step.outputs, report=report)
    changed = list(tape)
    changed[at] = (tape[at][0], tape[at][1], layout.pack(type(step)(step.inputs, outputs)))
    found = replayed(record(tmp_path / "a.mcap", changed))[name]
    assert found.different == 1
    difference = found.differences[0]
    assert difference.sequence == 70
    assert [f[0] for f in difference.fields] == ["outputs.report.cycle"]
    assert found.identical > 100, "it goes on from the next snapshot"


def test_a_restarted_process_starts_a_fresh_core(tmp_path: Path) -> None:
    tape = servo_tape()
    rig = ServoRig(scene(), now_ns=tape[-1][1] + 1_000_000)
    rig.core = type(rig.core)(rig.limits, incarnation=99)
    taped = Taped(rig.core, "servo", lambda i, o: m.SERVO_STEP.pack(m.ServoStep(i, o)))
    rig.core = taped  # type: ignore[assignment]
    rig.run(0.2)
    rig.close()
    report = replayed(record(tmp_path / "a.mcap", [*tape, *taped.tape]))["servo"]
    assert report.different == 0
    assert report.identical == report.steps


def test_the_command_says_it_in_words_and_by_exit_code(tmp_path: Path) -> None:
    good = record(tmp_path / "a.mcap", servo_tape(), guard_tape())
    result = CliRunner().invoke(app, ["replay", str(good)])
    assert result.exit_code == 0, result.output
    assert "identical" in result.output
    result = CliRunner().invoke(app, ["replay", "--json", str(good)])
    assert json.loads(result.output)["identical"] is True
    tape = [x for x in servo_tape() if x[0].endswith("_step")][3:]
    nothing = record(tmp_path / "b.mcap", tape)
    result = CliRunner().invoke(app, ["replay", str(nothing)])
    assert result.exit_code == 1
    assert "begins in the middle" in result.output


def test_a_recording_without_facts_or_with_another_layout_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RecordingError, match="facts are not recorded"):
        replayed(write(tmp_path / "a.mcap"))
    path = record(tmp_path / "b.mcap", servo_tape())
    from teleop.record import topics

    recording = open_recording(path)
    real = topics.TOPICS
    other = dataclasses.replace(
        next(t for t in real if t.name == "servo_step"),
        fields=next(t for t in real if t.name == "media_status").fields,
    )
    monkeypatch.setattr("teleop.record.replay.TOPICS", (other, *real))
    with pytest.raises(ForeignFileError, match="another layout"):
        replay(recording, LANES)
