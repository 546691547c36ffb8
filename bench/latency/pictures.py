"""The picture sequence of the bench: real speckle of the simulator, made once, stamped per frame.

A probe slides over the built-in patient at 10 mm/s. The sequence runs forwards and backwards, so
that it has no cut. It is stored as a file, against which the receiver's quality is measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.latency import pixelstamp
from bench.latency.pixelstamp import Stamp
from safety.messages import ArmState
from teleop.drivers.frames.base import NO_SCALE, Frame, Geometry, ImageParameters
from transport.local.clock import now_ns

COUNT = 48
"""Pictures before the sequence turns."""
SLIDE_M_S = 0.010
"""A sonographer's sweep is 10 to 30 mm/s."""
PRESSED_M = (0.58, 0.0, 0.155)
"""Probe face 5 mm below the resting skin of the built-in scene, looking down."""
DOWN_XYZW = (1.0, 0.0, 0.0, 0.0)
Pictures = NDArray[np.uint8]


def make(width: int, height: int, fps: float, seed: int, count: int = COUNT) -> Pictures:
    """The sequence, count x height x width."""
    from robot_sim.scene import load_scene
    from robot_sim.ultrasound.former import Former, View

    former = Former(load_scene(None), width, height, seed)
    out = np.empty((count, height, width), np.uint8)
    x, y, z = PRESSED_M
    for index in range(count):
        at_s = index / fps
        view = View((x, y + SLIDE_M_S * at_s, z), DOWN_XYZW, round(at_s * 1e9), -1.0)
        out[index] = former.form(view)
    return out


def stored(path: Path, width: int, height: int, fps: float, seed: int) -> Path:
    """Make the sequence and store it."""
    np.save(path, make(width, height, fps, seed))
    return path


def index_of(number: int, count: int) -> int:
    """Which picture of the sequence has this number (forwards and backwards)."""
    step = number % (2 * count - 2)
    return step if step < count else 2 * count - 2 - step


class StampedSource:
    """A live picture source: the stored sequence, each picture stamped when it is taken."""

    name = "bench"
    live = True
    paces_itself = False

    def __init__(self, path: Path, fps: float) -> None:
        self._pictures: Pictures = np.load(path)
        self._number = 0
        self.nominal_fps = fps

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """Nothing may be measured in it."""
        return NO_SCALE

    def apply(self, parameters: ImageParameters) -> None:
        """The sequence has no settings."""

    def next(self, now_ns_: int, arm: ArmState | None) -> Frame:
        """The next picture; it is acquired now."""
        self._number += 1
        luma = self._pictures[index_of(self._number, len(self._pictures))].copy()
        acquired_ns = now_ns()
        pixelstamp.draw(luma, Stamp(self._number & 0xFFFF, acquired_ns // 1000))
        return Frame(luma, acquired_ns)

    def close(self) -> None:
        """Nothing to release."""


def psnr_db(source: Pictures, decoded: Pictures) -> float:
    """Peak signal-to-noise ratio below the stamped rows, where the source is not black.

    The black corners of a convex picture cost nothing and would flatter.
    """
    top = pixelstamp.area_px(source.shape[1])[1]
    a, b = source[top:].astype(np.float64), decoded[top:].astype(np.float64)
    lit = a > 0
    error = float(np.mean((a[lit] - b[lit]) ** 2)) if lit.any() else 0.0
    return 10.0 * float(np.log10(255.0**2 / max(error, 1e-9)))


def ssim(source: Pictures, decoded: Pictures) -> float:
    """Structural similarity below the stamped rows (Wang et al., IEEE TIP 13, 2004; 8 x 8 means).

    Constants K1 = 0.01, K2 = 0.03 and uniform windows as in the paper's simple form.
    """
    import cv2

    top = pixelstamp.area_px(source.shape[1])[1]
    a, b = source[top:].astype(np.float64), decoded[top:].astype(np.float64)

    def mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.blur(x, (8, 8)), np.float64)

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(value[source[top:] > 0].mean())
