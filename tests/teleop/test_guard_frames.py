"""Guard's two mailboxes of command frames: each frame once, the genuine and the newest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from link_rig import frame_of

from safety.frame import pack, place_of
from safety.states import Authenticity
from teleop import channels
from teleop.guard.frames import CommandFrames

FORGED = 1 << 30
"""Sequences from here on are not signed."""


def judge(data: bytes) -> Authenticity:
    return Authenticity.FORGED if place_of(data)[2] >= FORGED else Authenticity.GENUINE


class Rig:
    def __init__(self, run_dir: Path) -> None:
        channels.create_all(run_dir)
        self.boxes = [
            channels.raw_box(run_dir, channel)
            for channel in (channels.COMMAND_FRAME, channels.DATAGRAM_FRAME)
        ]
        self.frames = CommandFrames(run_dir, judge)

    def put(self, box: int, *seqs: int, epoch: int = 1) -> None:
        for seq in seqs:
            self.boxes[box].write(pack(replace(frame_of(seq, 1), epoch=epoch)))

    def look(self) -> tuple[int, int]:
        """Count, and sequence of what is shown."""
        return self.frames.look(), place_of(self.frames.data)[2]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.mark.parametrize("first", [0, 1])
def test_a_copy_in_the_other_box_is_not_shown_again(rig: Rig, first: int) -> None:
    assert rig.frames.look() == 0
    rig.put(first, 1)
    assert rig.look() == (1, 1)
    rig.put(1 - first, 1)
    assert rig.look() == (1, 1)
    rig.put(1 - first, 2)
    assert rig.look() == (2, 2)
    rig.put(first, 3)
    rig.put(1 - first, 3)
    assert rig.look() == (3, 3)


@pytest.mark.parametrize("newer", [0, 1])
def test_the_newer_of_both_is_shown(rig: Rig, newer: int) -> None:
    rig.put(newer, 5)
    rig.put(1 - newer, 4)
    count, seq = rig.look()
    assert seq == 5
    assert count in (1, 2)
    assert rig.look() == (count, seq)


def test_frames_that_were_written_between_two_looks_count(rig: Rig) -> None:
    rig.put(1, 1, 2, 3)
    assert rig.look() == (3, 3)


@pytest.mark.parametrize("box", [0, 1])
def test_a_forged_frame_hides_no_genuine_one_and_is_shown_when_alone(rig: Rig, box: int) -> None:
    rig.put(box, FORGED)
    assert (rig.look()[1], rig.frames.authenticity) == (FORGED, Authenticity.FORGED)
    rig.put(box, FORGED + 1)
    rig.put(1 - box, 1)
    assert (rig.look()[1], rig.frames.authenticity) == (1, Authenticity.GENUINE)
    rig.put(box, 2)
    assert rig.look()[1] == 2


def test_a_new_epoch_begins_anew(rig: Rig) -> None:
    rig.put(0, 50)
    assert rig.look()[1] == 50
    rig.put(1, 1, epoch=2)
    assert rig.look()[1] == 1
    rig.put(0, 51)
    assert rig.look()[1] == 1
