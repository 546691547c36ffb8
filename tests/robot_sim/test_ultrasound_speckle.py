"""Speckle is Rayleigh, moves with tissue, and belongs to one slice (measured without anatomy)."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from robot_sim.scene import Breathing, Scene, Surface
from robot_sim.ultrasound.former import Former, View

SEEDS = range(6)
SKIN_M = (0.58, 0.0, 0.16)
PRESSED_M = 0.008
UNIFORM = Scene(
    surface=Surface(base_p_patient_m=SKIN_M, radius_m=2.0, relief_m=0.0),
    breathing=Breathing(peak_to_peak_m=0.0),
    anatomy={"small_vessels": 0, "layers": {"undulation_m": 0.0}},
)
"""A flat body of layers without anything in them."""


def former(seed: int) -> Former:
    """Without the slow changes of echogenicity: what is left is speckle."""
    made = Former(UNIFORM, 640, 480, seed)
    made._fields.texture[:] = 0.0
    return made


def at(x_m: float = 0.0, y_m: float = 0.0) -> View:
    """Pressed, looking down, moved along the picture (x) or across it (y)."""
    position = np.add(SKIN_M, (x_m, y_m, -PRESSED_M))
    return View(tuple(float(p) for p in position), (1.0, 0.0, 0.0, 0.0), 7)


def envelope(made: Former, view: View) -> NDArray[np.float64]:
    """Echo amplitude before log compression: samples x lines."""
    made.form(view)
    return np.sqrt(made._power.astype(np.float64))


def block(made: Former, picture: NDArray[np.generic], depth_m: float) -> NDArray[np.float64]:
    """The 16 mm around the middle of the picture at a depth."""
    px = 1000.0 / made.geometry.mm_per_px
    row = round(made.geometry.apex_y_px + (made.probe.radius_m + depth_m) * px)
    column, half = round(made.geometry.apex_x_px), round(0.008 * px)
    part = picture[row - half : row + half, column - half : column + half]
    return part.astype(np.float64)


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("depth_m", [0.05, 0.07, 0.10])
def test_the_envelope_is_rayleigh(depth_m: float) -> None:
    """Mean over standard deviation 1.91 (Rayleigh), on many resolution cells."""
    ratios = []
    for seed in SEEDS:
        made = former(seed)
        row = round(depth_m / made._step_m)
        part = envelope(made, at())[row - 24 : row + 24, 20:-20]
        part /= part.mean(axis=1, keepdims=True)  # attenuation with depth
        ratios.append(float(part.mean() / part.std()))
    assert np.mean(ratios) == pytest.approx(1.91, rel=0.06)


def test_lines_far_apart_have_nothing_in_common() -> None:
    """Speckle has no period inside a picture and no pattern of its own on each line."""
    values = []
    for seed in SEEDS:
        part = envelope(former(seed), at())[200:400, 20:-20]
        part -= part.mean(axis=1, keepdims=True)
        values += [correlation(part[:, :-gap], part[:, gap:]) for gap in (20, 40, 80)]
    assert abs(np.mean(values)) < 0.05
    assert max(abs(v) for v in values) < 0.3


@pytest.mark.parametrize("slide_m", [0.0005, -0.0005, 0.0015])
def test_followed_tissue_keeps_its_speckle_when_the_probe_slides(slide_m: float) -> None:
    followed, unmoved = [], []
    for seed in SEEDS:
        made = former(seed)
        before, after = made.form(at()), made.form(at(slide_m))
        right_px = slide_m * 1000.0 / made.geometry.mm_per_px  # x of the probe is picture right
        shift = np.array([[1.0, 0.0, right_px], [0.0, 1.0, 0.0]])
        warped = cv2.warpAffine(after.astype(np.float32), shift, (640, 480), flags=cv2.INTER_CUBIC)
        here = block(made, before, 0.07)
        followed.append(correlation(here, block(made, warped, 0.07)))
        unmoved.append(correlation(here, block(made, after, 0.07)))
    assert np.mean(followed) > 0.8
    assert np.mean(followed) > np.mean(unmoved) + 0.05, "it does not stay with the picture"
    if abs(slide_m) > 0.001:
        assert np.mean(unmoved) < 0.6


def test_speckle_decorrelates_over_one_elevational_beam_width() -> None:
    def mean_correlation(y_m: float) -> float:
        values = []
        for seed in SEEDS:
            made = former(seed)
            here = block(made, made.form(at()), 0.07)
            values.append(correlation(here, block(made, made.form(at(0.0, y_m)), 0.07)))
        return float(np.mean(values))

    near, middle, far = (mean_correlation(y) for y in (0.0003, 0.001, 0.002))
    assert near > 0.85
    assert near > middle > far
    assert far < 0.35


def test_a_turned_probe_has_speckle_as_strong() -> None:
    """Slabs across x take over from slabs across y at 45 degrees: no step in brightness."""
    made = former(1)
    levels = []
    for degrees in (0.0, 42.0, 45.0, 48.0, 90.0):
        half = math.radians(degrees) / 2.0
        turned = (math.cos(half), math.sin(half), 0.0, 0.0)  # looking down, turned about z
        straight = at()
        view = View(straight.base_p_probe_m, turned, straight.stamp_ns)
        part = envelope(made, view)[200:300, 20:-20]
        levels.append(20.0 * math.log10(float(part.mean())))
    assert max(levels) - min(levels) < 1.5


def test_two_pictures_of_the_same_place_differ_by_noise_only() -> None:
    """A frozen picture can be told from a still one: electronic noise is new each time."""
    made = former(1)
    first = made.form(at())
    second = made.form(View(at().base_p_probe_m, at().base_q_probe, 8))
    assert not np.array_equal(first, second)
    a, b = block(made, first, 0.06), block(made, second, 0.06)
    assert float(np.abs(a - b).mean()) < 4.0
    assert correlation(a, b) > 0.98
