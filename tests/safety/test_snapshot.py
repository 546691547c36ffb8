"""Snapshot and restore: a continued core decides bit by bit as the one that never stopped."""

from __future__ import annotations

import json
import math
import random

import pytest
from harness import MS, Rig, prepared

from safety.core import GuardCore
from safety.limits import Limits
from safety.memory import Memory, dump, load
from safety.messages import GUARD_STEP, GuardStep
from safety.states import EventKind

SLOT_BYTES = 16384 - 8
"""Room in the snapshot ring (`teleop/channels.py`)."""


def restored(rig: Rig) -> GuardCore:
    core = GuardCore(rig.limits, simulated=True)
    core.restore(rig.core.snapshot())
    return core


@pytest.mark.parametrize("stage", ["to_connected", "to_qualified", "to_armed", "to_active"])
def test_a_restored_core_continues_bit_by_bit(stage: str) -> None:
    rig = prepared(stage)
    core = restored(rig)
    rng = random.Random(3)
    for n in range(600):
        if n % 100 == 50:
            rig.send(rng.choice(list(EventKind)))
        if n % 70 == 35:
            rig.press()
        if n % 140 == 100:
            rig.release()
        if n == 400:
            rig.media_alive = False
        if n == 500:
            rig.force_n = math.nan
        out = rig.step()
        assert rig.inputs is not None
        again = core.step(rig.inputs)
        assert GUARD_STEP.pack(GuardStep(rig.inputs, again)) == GUARD_STEP.pack(
            GuardStep(rig.inputs, out)
        )
        if n % 200 == 199:
            core = restored(rig)
    assert core.snapshot() == rig.core.snapshot()


def test_replay_from_the_first_step_is_identical() -> None:
    rig = Rig(Limits(qualify_s=0.5))
    rig.history = []
    rig.to_active()
    rig.run(0.5)
    core = GuardCore(rig.limits, simulated=True)
    for inputs in rig.history:
        out = core.step(inputs)
    assert out == rig.out
    assert core.snapshot() == rig.core.snapshot()


def test_a_snapshot_fits_its_slot_even_with_the_widest_limits() -> None:
    rig = Rig(
        Limits(
            command_age_ms=500.0, stamp_life_ms=500.0, loop_average_ms=500.0, qualify_s=0.5,
            qualify_age_ms=400.0,
        ),
        period_ms=1.0,
    )  # fmt: skip
    rig.to_active()
    rig.run(3.0)
    assert len(rig.core.memory.stamps.issued) >= 500
    assert len(rig.core.snapshot()) < SLOT_BYTES


def test_a_snapshot_is_json_and_keeps_nan() -> None:
    memory = Memory()
    memory.last_force_n = math.nan
    memory.stop.stop_ms = 0.1 + 0.2
    data = dump(memory)
    json.loads(data)
    again = load(data)
    assert math.isnan(again.last_force_n)
    assert again.stop.stop_ms == 0.1 + 0.2
    assert dump(again) == data


def test_foreign_snapshots_are_refused_and_leave_the_core_as_it_was() -> None:
    rig = prepared("to_active")
    good = rig.core.snapshot()
    rng = random.Random(4)
    refused = 0
    for n in range(1200):
        data = bytearray(good)
        if n % 3 == 0:
            data = data[: rng.randrange(len(data))]
        elif n % 3 == 1:
            data[rng.randrange(len(data))] = rng.randrange(256)
        else:
            data = bytearray(json.dumps(rng.choice([None, 1, [], {}, "x", [1, 2]])).encode())
        try:
            rig.core.restore(bytes(data))
        except ValueError:
            refused += 1
    assert refused > 1000
    rig.core.restore(good)
    rig.now += MS
    rig.step()
