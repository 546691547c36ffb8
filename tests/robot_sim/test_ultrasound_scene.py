"""The built-in patient and the needle, as the expert sees them (more: test_ultrasound.py)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from haptics.iiwa import PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from robot_sim.scene import Scene, load_scene, skin_z_m
from robot_sim.ultrasound.former import Former, Settings, View
from robot_sim.ultrasound.needle import add_needle

T_NS = 0
"""Breathed out: tissue is where the scene file says."""
DECAY_M = 0.06
"""Compression under the probe decays over this depth (scene default)."""

SEEN = 0.0025
"""A line shows tissue: mean amplitude (coupled lines about 0.045, noise alone 0.00006)."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    return load_scene()


@pytest.fixture
def made(scene: Scene) -> Former:
    built = Former(scene, 640, 480, 1)
    built.set(Settings(dynamic_range_db=80.0))
    return built


def view(scene: Scene, x: float, y: float, pressed_m: float = 0.008, tilt_rad: float = 0.0) -> View:
    """Looking down over patient (x, y), tilted about the elevational axis of the probe."""
    z = skin_z_m(scene, x, y, T_NS) - pressed_m
    base = np.add(scene.surface.base_p_patient_m, (x, y, z))
    half = tilt_rad / 2.0
    turned = (math.cos(half), 0.0, math.sin(half), 0.0)
    return View(tuple(float(b) for b in base), turned, T_NS)


def level_db(made: Former, picture: NDArray[np.uint8], depth_m: float, half_m: float) -> float:
    """Mean level straight under the probe."""
    px = 1000.0 / made.geometry.mm_per_px
    row = round(made.geometry.apex_y_px + (made.probe.radius_m + depth_m) * px)
    column, half = round(made.geometry.apex_x_px), round(half_m * px)
    part = picture[row - half : row + half, column - half : column + half]
    return float(part.mean()) * made.settings.dynamic_range_db / 254.0


def depth_of(scene: Scene, x: float, y: float, z_m: float, pressed_m: float) -> float:
    """Where in the picture tissue at rest height `z_m` lies under the pressed probe (m)."""
    depth = skin_z_m(scene, x, y, T_NS) - pressed_m - z_m
    for _ in range(20):  # the tissue is pushed down with the probe, less so deeper
        push = pressed_m * math.exp(-depth / DECAY_M)
        depth = skin_z_m(scene, x, y, T_NS) - pressed_m - (z_m - push)
    return depth


def under(scene: Scene, made: Former, x: float, y: float, z_m: float, half_m: float) -> float:
    """Level of the tissue at patient (x, y, z) with the probe straight above it."""
    picture = made.form(view(scene, x, y))
    return level_db(made, picture, depth_of(scene, x, y, z_m, 0.008), half_m)


def test_vessels_cyst_nodule_and_liver_are_in_the_right_order(scene: Scene, made: Former) -> None:
    artery = under(scene, made, -0.021, 0.0, -0.056, 0.003)
    cyst = under(scene, made, -0.040, 0.030, -0.090, 0.005)
    nodule = under(scene, made, 0.024, 0.006, -0.045, 0.004)
    liver = np.mean([under(scene, made, 0.024, y, -0.045, 0.004) for y in (0.026, 0.034, 0.042)])
    assert artery < nodule - 8.0
    assert cyst < nodule - 8.0
    assert 5.0 < liver - nodule < 20.0


def test_a_rib_shadows_what_lies_behind(scene: Scene, made: Former) -> None:
    def behind_db(y: float) -> float:
        """Echo level 70 mm deep on the middle lines, before it is clipped to grey levels."""
        made.form(view(scene, 0.03, y))
        row = round(0.07 / made._step_m)
        return 10.0 * math.log10(float(made._power[row - 10 : row + 10, 75:85].mean()))

    assert behind_db(-0.020) - behind_db(-0.047) > 20.0


@pytest.mark.parametrize("tilt_rad", [0.3, -0.3])
def test_tilt_loses_the_lines_whose_elements_leave_the_skin(
    scene: Scene, made: Former, tilt_rad: float
) -> None:
    looking = view(scene, 0.0, 0.0, 0.004, tilt_rad)
    made.form(looking)
    x, y, z, w = looking.base_q_probe
    right_rises = 2.0 * (x * z - y * w) > 0.0  # z of the probe's x axis
    strength = np.sqrt(made._power[150:250].astype(np.float64)).mean(axis=0)
    left, right = strength[5:35].mean(), strength[-35:-5].mean()
    lost, kept = (right, left) if right_rises else (left, right)
    assert 20.0 * math.log10(kept / lost) > 15.0
    assert strength[75:85].mean() > 5.0 * lost, "the middle still couples"


def test_lines_are_lost_one_after_the_other(scene: Scene, made: Former) -> None:
    """Lifting gently, the picture narrows; nothing is left before the face is clear of the skin."""
    widths = []
    for pressed_m in (0.008, 0.004, 0.002, 0.001, 0.0, -0.002):
        made.form(view(scene, 0.0, 0.0, pressed_m))
        strength = np.sqrt(made._power[150:250].astype(np.float64)).mean(axis=0)
        widths.append(int((strength > SEEN).sum()))
    full = made.probe.lines
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.7 * full
    assert widths[-1] == 0
    assert any(0 < width < 0.7 * full for width in widths)


def needle_echo(
    off_plane_m: float = 0.0, length_m: float = 0.13, bend_m: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> NDArray[np.float32]:
    """Echo of a needle beside the picture plane, in a body without echoes."""
    i, q = np.zeros((480, 170), np.float32), np.zeros((480, 170), np.float32)
    home = np.add(PROBE_P_GUIDE_M, (0.0, off_plane_m, 0.0))
    angles = np.linspace(-0.5, 0.5, 160) * math.radians(60.0)
    axis, bend = np.array(PROBE_GUIDE_AXIS), np.array(bend_m)
    shaft = np.array([0.047 if length_m > 0.05 else 0.0, length_m])
    add_needle(home, axis, bend, shaft, 0.06, angles, 0.16 / 479, i, q)
    return i


def test_the_needle_is_seen_in_plane_only() -> None:
    peaks = [float(needle_echo(y).max()) for y in (0.0, 0.001, 0.002, 0.004)]
    assert peaks[0] > 5.0
    assert peaks == sorted(peaks, reverse=True)
    assert 20.0 * math.log10(peaks[0] / max(peaks[3], 1e-9)) > 30.0
    assert needle_echo(-0.001).max() == pytest.approx(peaks[1]), "the same on both sides"


def test_the_needle_grows_with_its_insertion_and_is_nowhere_at_home() -> None:
    reach = [int((needle_echo(length_m=n) > 1.0).any(axis=0).sum()) for n in (0.08, 0.10, 0.13)]
    assert reach == sorted(reach)
    assert reach[0] < reach[-1]
    assert not needle_echo(length_m=1e-6).any()


def test_a_bent_needle_leaves_the_plane_towards_its_tip() -> None:
    straight, bent = needle_echo(), needle_echo(bend_m=(0.0, 0.004, 0.0))
    columns = np.flatnonzero(straight.max(axis=0) > 1.0)  # from the tip (left) to the skin
    assert bent[:, columns[:5]].max() < 0.1 * straight[:, columns[:5]].max()
    assert bent[:, columns[-5:]].max() > 0.9 * straight[:, columns[-5:]].max()
