"""The hand motion of a tracked freehand recording, put onto the patient's skin.

Poses of the probe in reference coordinates are inverse(ReferenceToTracker) * ProbeToTracker (mm).
Frames come at 11 to 13 Hz, so poses are smoothed and interpolated, never held; a pose whose status
is not OK is not a pose. The plane of the sweep becomes the skin plane: the direction of the longest
motion becomes elevational (probe y), as in a sweep; the second one becomes lateral (probe x).
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from teleop.drivers import mha
from teleop.drivers.frames.base import FrameSourceError
from teleop.scripted.hand import HandPose

SPEED_MAX_M_S = 0.024
"""Below the contact speed limit of 30 mm/s (docs/safety-concept.md), so that nothing is clamped."""
EXTENT_MAX_M = 0.05
"""Farthest from the start, in each direction: stays on the scanned region."""
TILT_MAX_RAD = 0.26
"""15 degrees: keeps the face coupled."""
MIN_POSES = 4
MAX_GAP_S = 1.0
"""A longer gap between valid poses is not bridged: the motion in it is unknown."""

Array = NDArray[np.float64]


class TrajectoryError(ValueError):
    """The recording holds no usable hand motion; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RecordedPath:
    """Poses at knots, interpolated by cubic Hermite curves (continuous velocity)."""

    knots_s: tuple[float, ...]
    values: Array
    """Knots x 6: position x, y, z (m), tilt about x, y, z (rad), relative to the start."""
    tangents: Array
    scale: float
    """Factor applied to positions, 1 unless the recording is too wide or too fast."""

    @property
    def length_s(self) -> float:
        """Duration of the recording."""
        return self.knots_s[-1]

    def at(self, s: float) -> HandPose:
        """Pose at recording time `s`."""
        s = min(max(s, 0.0), self.length_s)
        i = min(bisect.bisect_right(self.knots_s, s), len(self.knots_s) - 1) - 1
        h = self.knots_s[i + 1] - self.knots_s[i]
        u = (s - self.knots_s[i]) / h
        a, b = self.values[i], self.values[i + 1]
        ta, tb = self.tangents[i] * h, self.tangents[i + 1] * h
        blend = (1 + 2 * u) * (1 - u) ** 2 * a + u * (1 - u) ** 2 * ta
        blend = blend + u * u * (3 - 2 * u) * b + u * u * (u - 1) * tb
        v = [float(x) for x in blend]
        return HandPose((v[0], v[1], v[2]), (v[3], v[4], v[5]))


def build(stamps_s: Array, ref_t_probe_mm: Array, valid: NDArray[np.bool_]) -> RecordedPath:
    """Make a path of stamps (n), poses in reference coordinates (n x 4 x 4, mm) and validity."""
    keep = valid & np.isfinite(stamps_s) & np.isfinite(ref_t_probe_mm).all(axis=(1, 2))
    t, poses = stamps_s[keep], ref_t_probe_mm[keep]
    rising = np.concatenate(([True], np.diff(t) > 1e-3)) if len(t) else np.zeros(0, bool)
    t, poses = t[rising], poses[rising]
    if len(t) < MIN_POSES:
        raise TrajectoryError(
            f"{len(t)} usable poses of {len(stamps_s)}, {MIN_POSES} are needed: "
            "choose a recording whose probe was tracked"
        )
    if np.diff(t).min() <= 0.0 or np.diff(t).max() > MAX_GAP_S:
        raise TrajectoryError(
            f"the poses do not follow each other within {MAX_GAP_S} s: cut the recording"
        )
    values = _smooth(np.hstack([_on_the_skin(poses), _tilts(poses)]))
    values -= values[0]
    knots = t - t[0]
    scale = _scale(knots, values)
    values[:, :3] *= scale
    values[:, :3] = np.clip(values[:, :3], -EXTENT_MAX_M, EXTENT_MAX_M)
    values[:, 3:] = np.clip(values[:, 3:], -TILT_MAX_RAD, TILT_MAX_RAD)
    tangents = np.gradient(values, knots, axis=0)
    tangents[0] = tangents[-1] = 0.0
    return RecordedPath(tuple(float(x) for x in knots), values, tangents, scale)


def _on_the_skin(poses: Array) -> Array:
    """Positions (m): longest direction to y, second to x, out of plane dropped."""
    p = poses[:, :3, 3] / 1000.0
    p = p - p.mean(axis=0)
    _, _, axes = np.linalg.svd(p, full_matrices=False)
    along = p @ axes.T
    return np.column_stack([along[:, 1], along[:, 0], np.zeros(len(p))])


def _tilts(poses: Array) -> Array:
    """Rotation vectors (rad) of each pose relative to the first, in the first probe's frame."""
    first = _rotation(poses[0])
    return np.array([_rotation_vector(first.T @ _rotation(pose)) for pose in poses])


def _rotation(pose: Array) -> Array:
    """Nearest rotation matrix: trackers write rounded numbers."""
    u, _, vt = np.linalg.svd(pose[:3, :3])
    near: Array = u @ np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))]) @ vt
    return near


def _rotation_vector(r: Array) -> Array:
    axis = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine = 0.5 * float(np.linalg.norm(axis))
    angle = float(np.arctan2(sine, 0.5 * (float(np.trace(r)) - 1.0)))
    return axis * (0.5 * angle / sine) if sine > 1e-9 else np.zeros(3)


def _smooth(values: Array) -> Array:
    """Weights 1, 2, 1 over neighbours: removes a tracker's noise between frames."""
    out = values.copy()
    out[1:-1] = 0.25 * values[:-2] + 0.5 * values[1:-1] + 0.25 * values[2:]
    return out


def _scale(knots_s: Array, values: Array) -> float:
    steps = np.diff(values[:, :3], axis=0)
    speed = float((np.linalg.norm(steps, axis=1) / np.diff(knots_s)).max())
    extent = float(np.abs(values[:, :3]).max())
    if extent < 1e-4:
        raise TrajectoryError("the probe did not move in this recording: choose another one")
    return min(1.0, SPEED_MAX_M_S / (1.2 * speed), EXTENT_MAX_M / extent)


def load(path: Path) -> RecordedPath:
    """Read a tracked sequence (.igs.mha); TrajectoryError names the file and what is wrong."""
    try:
        sequence = mha.read(path)
        track = sequence.relative("ProbeToTracker", "ReferenceToTracker")
        return build(sequence.stamps_s, track.matrices_mm, track.valid)
    except FrameSourceError as error:
        text = str(error)
        raise TrajectoryError(text if path.name in text else f"{path.name}: {text}") from error
    except TrajectoryError as error:
        raise TrajectoryError(f"{path.name}: {error}") from error
