"""The B-mode picture answers to what the robot does: pose, contact, tissue, needle."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from haptics.iiwa import PROBE_GUIDE_AXIS, PROBE_P_GUIDE_M
from robot_sim.scene import Scene, SceneError, load_scene, skin_z_m
from robot_sim.ultrasound.former import Former, Settings, View
from robot_sim.ultrasound.geometry import Probe

Picture = NDArray[np.uint8]
PRESSED_M = 0.008
UNIFORM = """
[breathing]
peak_to_peak_m = 0.0
[surface]
relief_m = 0.0
[anatomy]
small_vessels = 0
breathing_slide = 0.0
[anatomy.layers]
undulation_m = 0.0
"""
BONE = (
    "[[anatomy.bones]]\nstart_m = [0.0, -0.1, -0.05]\nend_m = [0.0, 0.1, -0.05]\nradius_m = 0.006\n"
)
VESSEL = BONE.replace("bones", "vessels").replace("0.006", "0.008")
NODULE = "[[anatomy.nodules]]\ncenter_m = [0.0, 0.0, -0.05]\nradii_m = [0.01, 0.01, 0.01]\n"


def scene_of(folder: Path, text: str) -> Scene:
    file = folder / "scene.toml"
    file.write_text(text, "utf-8")
    return load_scene(file)


def view(
    scene: Scene, x: float = 0.0, y: float = 0.0, *, pressed_m: float = PRESSED_M,
    tilt_rad: float = 0.0, t_ns: int = 0, needle_m: float = 0.0,
) -> View:  # fmt: skip
    """The probe straight down (or tilted about its y axis) over patient (x, y)."""
    z = skin_z_m(scene, x, y, t_ns) - pressed_m
    base = np.add(scene.surface.base_p_patient_m, (x, y, z))
    half = tilt_rad / 2.0
    return View(tuple(base), (math.cos(half), 0.0, math.sin(half), 0.0), t_ns, needle_m)


@pytest.fixture(scope="module")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return scene_of(tmp_path_factory.mktemp("scene"), UNIFORM)


def former(scene: Scene, seed: int = 1) -> Former:
    made = Former(scene, 640, 480, seed)
    made.set(Settings(dynamic_range_db=80.0))
    return made


def amplitude(picture: Picture, made: Former) -> NDArray[np.float64]:
    """Undo the log compression: echo amplitude up to a factor."""
    levels = picture.astype(np.float64) / (254.0 / made.settings.dynamic_range_db)
    return np.asarray(10.0 ** (levels / 20.0))


def patch(picture: NDArray[np.generic], made: Former, depth_m: float, x_m: float = 0.0,
          half_m: float = 0.006) -> NDArray[np.generic]:  # fmt: skip
    """A square of the picture around (x, depth) in probe coordinates."""
    px = 1000.0 / made.geometry.mm_per_px
    radius = made.probe.radius_m
    row = made.geometry.apex_y_px + (radius + depth_m) * px
    column = made.geometry.apex_x_px + x_m * px
    r, c, h = round(row), round(column), round(half_m * px)
    return picture[r - h : r + h, c - h : c + h]


@pytest.mark.parametrize("depth_m", [0.05, 0.07, 0.10])
def test_speckle_is_fully_developed(uniform: Scene, depth_m: float) -> None:
    """Rayleigh envelope: mean / standard deviation 1.91; blocks average out over many seeds."""
    ratios = []
    for seed in range(6):
        made = former(uniform, seed)
        echo = patch(amplitude(made.form(view(uniform)), made), made, depth_m, half_m=0.008)
        ratios.append(float(echo.mean() / echo.std()))
    assert np.mean(ratios) == pytest.approx(1.91, rel=0.15)


def test_the_same_seed_makes_the_same_picture(uniform: Scene) -> None:
    one, two, other = former(uniform, 5), former(uniform, 5), former(uniform, 6)
    here = view(uniform, t_ns=123_456_789)
    assert np.array_equal(one.form(here), two.form(here))
    assert not np.array_equal(one.form(here), other.form(here))
    one.form(view(uniform, 0.02))
    assert np.array_equal(one.form(here), two.form(here)), "a picture depends on its view alone"


def correlation(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    return float(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])


def test_speckle_is_anchored_in_tissue_when_the_probe_slides(uniform: Scene) -> None:
    made = former(uniform)
    step_px = 4  # about 1.5 mm: beyond the width of a speckle
    step_m = step_px * made.geometry.mm_per_px / 1000.0
    before = made.form(view(uniform))
    after = made.form(view(uniform, step_m))
    r, c = 250, 320
    still = before[r - 40 : r + 40, c - 40 : c + 40]
    followed = after[r - 40 : r + 40, c - 40 - step_px : c + 40 - step_px]
    unmoved = after[r - 40 : r + 40, c - 40 : c + 40]
    assert correlation(still, followed) > 0.6
    assert correlation(still, followed) > correlation(still, unmoved) + 0.1


def test_speckle_decorrelates_out_of_plane(uniform: Scene) -> None:
    made = former(uniform)
    here = patch(made.form(view(uniform)), made, 0.07)
    values = [
        correlation(here, patch(made.form(view(uniform, 0.0, y)), made, 0.07))
        for y in (0.0003, 0.001, 0.004)
    ]
    assert values[0] > values[1] > values[2]
    assert values[0] > 0.7
    assert abs(values[2]) < 0.35


def mean_db(made: Former, picture: Picture, depth_m: float, x_m: float = 0.0) -> float:
    part = patch(picture, made, depth_m, x_m, half_m=0.003)
    return float(part.mean()) / (254.0 / made.settings.dynamic_range_db)


def deep(tmp_path: Path, extra: str, depth_m: float) -> tuple[float, float]:
    """Level (dB) at `depth_m` with and without something in the way."""
    plain, made_of = scene_of(tmp_path, UNIFORM), scene_of(tmp_path, UNIFORM + extra)
    a, b = former(plain), former(made_of)
    return mean_db(b, b.form(view(made_of)), depth_m), mean_db(a, a.form(view(plain)), depth_m)


def test_bone_is_bright_and_throws_a_shadow(tmp_path: Path) -> None:
    behind, without = deep(tmp_path, BONE, 0.08)
    assert without - behind > 20.0
    scene = scene_of(tmp_path, UNIFORM + BONE)
    made = former(scene)
    picture = made.form(view(scene))
    surface = patch(picture, made, 0.044 - PRESSED_M / 2, half_m=0.004)
    assert surface.max() > patch(picture, made, 0.03).mean() + 60


def test_vessel_is_black_and_nodule_between(tmp_path: Path) -> None:
    at = 0.05 - PRESSED_M * 0.6
    vessel, tissue = deep(tmp_path, VESSEL, at)
    nodule, _ = deep(tmp_path, NODULE, at)
    assert tissue - vessel > 20.0
    assert 6.0 < tissue - nodule < 20.0
    assert vessel < nodule


def test_behind_fluid_it_is_brighter(tmp_path: Path) -> None:
    cyst = NODULE.replace("nodules", "cysts")
    behind, without = deep(tmp_path, cyst, 0.075)
    assert behind > without + 1.0


def test_without_contact_only_the_probes_own_face_is_seen(uniform: Scene) -> None:
    made = former(uniform)
    hover, pressed = (made.form(view(uniform, pressed_m=p)) for p in (-0.03, PRESSED_M))
    assert mean_db(made, hover, 0.07) < mean_db(made, pressed, 0.07) - 20.0
    face = patch(hover, made, 0.004, half_m=0.003)
    assert face.max() > 120, "reverberation of the face"


def test_a_light_touch_couples_the_middle_and_tilt_loses_a_side(uniform: Scene) -> None:
    made = former(uniform)
    touch = made.form(view(uniform, pressed_m=0.001))
    assert mean_db(made, touch, 0.06) > mean_db(made, touch, 0.06, 0.05) + 15.0
    tilted = made.form(view(uniform, pressed_m=0.004, tilt_rad=0.3))
    left, right = (mean_db(made, tilted, 0.05, x) for x in (-0.035, 0.035))
    assert abs(left - right) > 15.0


def test_breathing_moves_the_anatomy_with_the_probe(tmp_path: Path) -> None:
    """A probe that rides on the skin keeps its picture while the patient breathes."""
    breathing = UNIFORM.replace("peak_to_peak_m = 0.0", "peak_to_peak_m = 0.01") + NODULE
    scene = scene_of(tmp_path, breathing)
    made = former(scene)
    period_ns = int(1e9 / scene.breathing.frequency_hz)
    out, inhaled = (made.form(view(scene, t_ns=t)) for t in (0, period_ns // 2))
    at = 0.05 - PRESSED_M * 0.6
    assert abs(mean_db(made, out, at) - mean_db(made, inhaled, at)) < 6.0


def test_the_needle_is_a_bright_line_along_its_guide(uniform: Scene) -> None:
    made = former(uniform)
    before, after = (made.form(view(uniform, needle_m=n)) for n in (0.0, 0.13))
    tip = np.add(PROBE_P_GUIDE_M, np.multiply(PROBE_GUIDE_AXIS, 0.125))
    px = 1000.0 / made.geometry.mm_per_px
    column = round(made.geometry.apex_x_px + tip[0] * px)
    row = round(made.geometry.apex_y_px + (made.probe.radius_m + tip[2]) * px)
    near = (slice(row - 8, row + 8), slice(column - 8, column + 8))
    assert after[near].max() > before[near].max()
    changed = np.argwhere(np.abs(after.astype(int) - before) > 25)
    assert len(changed) > 100
    unknown = made.form(view(uniform, needle_m=math.nan))
    assert np.array_equal(unknown, before), "not measured is not drawn"


def test_the_picture_shows_the_tip_where_it_really_is(uniform: Scene) -> None:
    made = former(uniform)
    straight = np.add(PROBE_P_GUIDE_M, np.multiply(PROBE_GUIDE_AXIS, 0.13))
    across = np.array([PROBE_GUIDE_AXIS[2], 0.0, -PROBE_GUIDE_AXIS[0]])
    px = 1000.0 / made.geometry.mm_per_px
    for bend_m in (-0.006, 0.006):
        tip = straight + bend_m * across
        at = replace(
            view(uniform, needle_m=0.13), needle_entry_m=0.047, needle_tip_m=tuple(tip.tolist())
        )
        seen = amplitude(made.form(at), made) - amplitude(made.form(view(uniform)), made)

        def echo(point: NDArray[np.float64], seen: NDArray[np.float64] = seen) -> float:
            column = round(made.geometry.apex_x_px + point[0] * px)
            row = round(made.geometry.apex_y_px + (made.probe.radius_m + point[2]) * px)
            return float(seen[row - 3 : row + 4, column - 3 : column + 4].max())

        assert echo(tip) > 5.0 * max(1.0, echo(straight)), "not on the guide's line"
        middle = straight - 0.0415 * np.array(PROBE_GUIDE_AXIS) + 0.25 * bend_m * across
        assert echo(middle) > 2.0, "the shaft is a parabola"


def test_depth_changes_the_scale_and_gain_the_brightness(uniform: Scene) -> None:
    made = former(uniform)
    far = made.geometry.mm_per_px
    dark = made.form(view(uniform)).mean()
    made.set(Settings(gain_db=10.0, depth_m=0.08))
    assert made.geometry.mm_per_px < far * 0.75
    made.set(Settings(gain_db=10.0, dynamic_range_db=80.0))
    assert made.form(view(uniform)).mean() > dark + 10


def test_resolution_widens_away_from_the_focus() -> None:
    probe = Probe()
    assert probe.axial_fwhm_m == pytest.approx(0.32e-3, rel=0.05)
    assert probe.lateral_fwhm_m(0.14) > 1.3 * probe.lateral_fwhm_m(0.07)


def test_the_built_in_scene_has_what_an_expert_looks_for() -> None:
    scene = load_scene()
    assert {"vessels", "nodules", "cysts", "bones", "layers"} <= set(scene.anatomy)
    made = former(scene)
    picture = made.form(view(scene))
    assert 40 < picture[picture > 0].mean() < 160


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[anatomy]\nbone = 1", "bone"),
        ("[anatomy]\nsmall_vessels = 41", "small_vessels"),
        ("[anatomy.layers]\nfat_m = 0.001", "layers"),
        (NODULE.replace("0.01, 0.01, 0.01", "0.01, 0.01, 0.0"), "radii_m"),
        (BONE.replace("[0.0, 0.1, -0.05]", "[0.0, -0.1, -0.05]"), "same point"),
    ],
)
def test_a_wrong_anatomy_is_a_clear_error(tmp_path: Path, text: str, named: str) -> None:
    scene = scene_of(tmp_path, text)
    with pytest.raises(SceneError, match=named):
        former(scene)
