"""Small recordings for tests."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from safety import messages as m
from safety.states import Cause, State
from teleop.record.mcapfile import McapFile
from teleop.record.topics import TOPICS

INDEX = {t.name: i for i, t in enumerate(TOPICS)}
METADATA = {"session": {"site": "test", "version": "teleop test"}, "limits": {"json": "{}"}}
STEP_NS = 2_000_000


def guard_step(number: int) -> m.GuardStep:
    """A guard step at 500 Hz; ACTIVE for ten steps, then HOLD by an old command."""
    zero = m.GUARD_STEP.unpack(bytes(m.GUARD_STEP.size))
    hold = number > 10
    report = dataclasses.replace(
        zero.outputs.report,
        state=State.HOLD if hold else State.ACTIVE,
        first_out=Cause.COMMAND_AGE if hold else Cause.NONE,
        loop_ms=float("nan"),
        cycle=number,
    )
    return dataclasses.replace(
        zero,
        inputs=dataclasses.replace(zero.inputs, now_ns=number * STEP_NS),
        outputs=dataclasses.replace(zero.outputs, report=report),
    )


def write(path: Path, steps: int = 20, without: tuple[int, ...] = (), finish: bool = True) -> Path:
    """A recording of `steps` guard steps and one note; `without` leaves some out."""
    file = McapFile(path, "teleop test", METADATA)
    for number in range(1, steps + 1):
        if number not in without:
            data = m.GUARD_STEP.pack(guard_step(number))
            file.add(INDEX["guard_step"], number * STEP_NS, number, data)
    note = {"from": "supervisor", "kind": "started"}
    file.add(INDEX["note"], STEP_NS, 1, json.dumps(note).encode())
    if finish:
        return file.finish({"why": "end of session", "missing": "{}"})
    file.flush()
    file.abandon()
    return file.part
