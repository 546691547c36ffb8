"""Hand motion: the seeded sweep, recorded trajectories, and smooth playing of both."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from teleop.scripted import trajectory
from teleop.scripted.hand import Hand, Player, Sweep
from teleop.scripted.trajectory import TrajectoryError, build

DT_S = 0.005
Array = NDArray[np.float64]


def _play(player: Player, seconds: float, moving: bool = True) -> list[Hand]:
    return [player.advance(DT_S, moving) for _ in range(round(seconds / DT_S))]


def _speed(hand: Hand) -> float:
    return math.dist(hand.v_m_s, (0.0, 0.0, 0.0))


def test_the_sweep_has_a_sonographers_speed_and_stays_on_the_belly() -> None:
    for seed in range(5):
        hands = _play(Player(Sweep(seed)), 60.0)
        speeds = [_speed(hand) for hand in hands[200:]]
        assert sum(speeds) / len(speeds) == pytest.approx(0.0129, rel=0.1)
        assert max(speeds) < 0.03, "faster than the contact limit"
        assert max(abs(x) for hand in hands for x in hand.p_m) <= 0.031
        assert max(abs(x) for hand in hands for x in hand.r_rad) <= 0.061


def test_the_same_seed_gives_the_same_sweep() -> None:
    one, two, other = (_play(Player(Sweep(seed)), 5.0)[-1] for seed in (3, 3, 4))
    assert one == two
    assert one != other


def test_starting_stopping_and_resuming_never_jumps() -> None:
    player = Player(Sweep(2))
    hands = [*_play(player, 5), *_play(player, 2, moving=False), *_play(player, 5)]
    steps = [math.dist(a.p_m, b.p_m) for a, b in itertools.pairwise(hands)]
    assert max(steps) < 0.03 * DT_S
    accelerations = [abs(_speed(b) - _speed(a)) / DT_S for a, b in itertools.pairwise(hands)]
    assert max(accelerations) < 0.15
    assert _speed(hands[round(6.9 / DT_S)]) == 0.0


def _recording(n: int = 50, dt_s: float = 0.09) -> tuple[Array, Array]:
    """A sweep of 40 mm along an oblique line of the tracker's frame, with tilt and noise."""
    rng = np.random.default_rng(1)
    t = 215.0 + dt_s * np.arange(n, dtype=np.float64)
    poses = np.tile(np.eye(4), (n, 1, 1))
    along = 40.0 * 0.5 * (1 - np.cos(np.pi * np.arange(n) / (n - 1)))
    poses[:, :3, 3] = np.outer(along, [0.6, 0.0, 0.8]) + rng.normal(0, 0.1, (n, 3)) + 300.0
    angle = np.deg2rad(10) * np.arange(n) / (n - 1)
    poses[:, 1, 1] = poses[:, 2, 2] = np.cos(angle)
    poses[:, 2, 1], poses[:, 1, 2] = np.sin(angle), -np.sin(angle)
    return t, poses


def test_a_recording_is_laid_along_the_probes_elevational_axis_at_its_own_scale() -> None:
    t, poses = _recording()
    path = build(t, poses, np.ones(len(t), bool))
    assert path.scale == 1.0
    end = path.at(path.length_s)
    assert path.at(0.0).p_m == (0.0, 0.0, 0.0)
    assert abs(end.p_m[1]) == pytest.approx(0.04, abs=0.002)
    assert abs(end.p_m[0]) < 0.003
    assert end.p_m[2] == 0.0
    assert end.r_rad[0] == pytest.approx(np.deg2rad(10), abs=0.02)


def test_resampling_at_200_hz_is_smooth_between_frames_of_11_hz() -> None:
    t, poses = _recording()
    path = build(t, poses, np.ones(len(t), bool))
    samples = np.array([path.at(s).p_m for s in np.arange(0.0, path.length_s, DT_S)])
    v = np.diff(samples, axis=0) / DT_S
    assert np.linalg.norm(v, axis=1).max() < 0.03
    assert np.linalg.norm(np.diff(v, axis=0), axis=1).max() / DT_S < 0.5, "held poses would step"


def test_invalid_poses_are_no_poses() -> None:
    t, poses = _recording()
    clean = build(t, poses, np.ones(len(t), bool))
    valid = np.ones(len(t), bool)
    broken = poses.copy()
    for i in (4, 11, 17):
        valid[i] = False
        broken[i, :3, 3] = 1e6
    broken[8, 0, 0] = np.nan  # a status that lies
    path = build(t, broken, valid)
    gap = max(math.dist(path.at(s).p_m, clean.at(s).p_m) for s in np.arange(0, 4.0, 0.01))
    assert gap < 0.0015


def test_a_wide_fast_recording_is_scaled_onto_the_patient() -> None:
    t, poses = _recording()
    poses[:, :3, 3] *= 8.0
    path = build(t, poses, np.ones(len(t), bool))
    assert path.scale < 0.3
    hands = _play(Player(path), 20.0)
    assert max(_speed(hand) for hand in hands) <= 0.03
    assert max(abs(x) for hand in hands for x in hand.p_m) <= trajectory.EXTENT_MAX_M + 1e-4


def test_playing_goes_forth_and_back_within_the_recording() -> None:
    t, poses = _recording()
    player = Player(build(t, poses, np.ones(len(t), bool)))
    hands = _play(player, 24.0)
    steps = [math.dist(a.p_m, b.p_m) for a, b in itertools.pairwise(hands)]
    assert max(steps) < 0.03 * DT_S
    assert player.travelled_m > 0.12


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("none_valid", "usable poses"),
        ("gap", "follow each other"),
        ("backwards", "usable poses"),
        ("still", "did not move"),
    ],
)
def test_an_unusable_recording_says_why(change: str, words: str) -> None:
    t, poses = _recording()
    valid = np.ones(len(t), bool)
    if change == "none_valid":
        valid[:] = False
    elif change == "gap":
        t[25:] += 5.0
    elif change == "backwards":
        t = -t
    else:
        poses[:, :3, 3] = 0.0
    with pytest.raises(TrajectoryError, match=words):
        build(t, poses, valid)


DATA = Path(os.environ.get("TELEOP_TEST_DATA", "../shared/data")) / "tracked_ultrasound"


@pytest.mark.parametrize(
    "name", ["SpinePhantomFreehand", "BoneUltrasound_L14", "NwirePhantomFreehand"]
)
def test_the_recorded_sequences_become_hand_motion(name: str) -> None:
    file = DATA / f"{name}.igs.mha"
    if not file.exists():
        pytest.skip(f"{file} is missing: recorded data is not part of the project")
    path = trajectory.load(file)
    player = Player(path)
    hands = _play(player, 10.0)
    assert max(_speed(hand) for hand in hands) <= 0.03
    assert player.travelled_m > 0.02


def test_a_file_that_is_no_sequence_is_a_clear_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.igs.mha"
    bad.write_bytes(b"ObjectType = Image\nNDims = 3\n")
    with pytest.raises(TrajectoryError, match=r"bad\.igs\.mha"):
        trajectory.load(bad)
    with pytest.raises(TrajectoryError, match="missing"):
        trajectory.load(tmp_path / "missing.igs.mha")
