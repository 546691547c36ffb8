"""The picture thread follows a screen, on a virtual clock."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from safety.messages import ArmState
from teleop import channels
from teleop.drivers.frames.base import NO_SCALE, Frame, Geometry, ImageParameters
from teleop.media.producer import Inputs, Producer
from transport.genlock import STEP, Steering
from transport.ladder import Rung

MS = 1_000_000
RUNG = Rung(1000, 64, 48, 100.0)


class EndError(Exception):
    """The source has no more pictures."""


class Source:
    """Notes when each picture is asked for."""

    name, live, nominal_fps = "test", True, 100.0

    def __init__(self, pictures: int, paces_itself: bool = False) -> None:
        self.paces_itself = paces_itself
        self.asked_ns: list[int] = []
        self._left = pictures

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        return NO_SCALE

    def apply(self, parameters: ImageParameters) -> None:
        pass

    def next(self, now_ns: int, arm: ArmState | None) -> Frame:
        if not self._left:
            raise EndError
        self._left -= 1
        self.asked_ns.append(now_ns)
        return Frame(np.zeros((48, 64), np.uint8), now_ns)

    def close(self) -> None:
        pass


@pytest.fixture
def virtual(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [10**10]
    monkeypatch.setattr("transport.local.loop.now_ns", lambda: clock[0])
    monkeypatch.setattr(
        "transport.local.loop.absolute_sleeper",
        lambda: lambda due_ns: clock.__setitem__(0, max(clock[0], due_ns)),
    )


def made(folder: Path, source: Source, steering: Steering | None) -> tuple[Producer, list[int]]:
    """Run a producer to the end of its source; times between its pictures, ns."""
    channels.create_all(folder)
    ended: list[BaseException | None] = []
    producer = Producer(lambda: source, RUNG, Inputs(folder), 100.0, lambda: None, ended.append)
    if steering is not None:
        producer.steer(steering)
    producer.start()
    producer._thread.join(60)
    assert [type(error) for error in ended] == [EndError]
    return producer, [b - a for a, b in itertools.pairwise(source.asked_ns)]


@pytest.mark.usefixtures("virtual")
def test_pictures_follow_a_correction_in_small_steps(tmp_path: Path) -> None:
    producer, steps = made(tmp_path, Source(30), Steering(10_050_000, 2 * MS))
    assert producer.period_ns == 10 * MS  # the nominal one, from which the next bound is counted
    most = round(STEP * 10_050_000)
    assert steps[0] == 10 * MS + most  # due before the period changed
    assert set(steps[1:]) <= {10_050_000, 10_050_000 + most, 10_050_000 + 2 * MS % most}
    assert sum(steps) == 10 * MS + 28 * 10_050_000 + 2 * MS


@pytest.mark.usefixtures("virtual")
def test_nothing_moves_without_a_correction(tmp_path: Path) -> None:
    _, steps = made(tmp_path, Source(20), None)
    assert set(steps) == {10 * MS}


def test_a_source_with_its_own_pace_is_not_steered(tmp_path: Path) -> None:
    producer, _ = made(tmp_path, Source(5, paces_itself=True), None)
    assert producer.period_ns == 0
