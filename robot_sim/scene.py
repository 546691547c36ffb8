"""The scene: one declarative TOML file for mechanics and image formation.

Frames: `base` = arm base (z up). `patient` = on the skin above the scanned region, axes parallel
to base at rest (z outward). The body lies along base y; the belly curves in x. Breathing lifts the
skin along z as a pure function of time, so that mechanics and picture agree without a message.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from robot_sim.needle.layers import NeedleScene

BUILT_IN = Path(__file__).parent / "scenes" / "abdomen.toml"


class SceneError(ValueError):
    """The scene file cannot be used; the message names the file and the field."""


Length = Annotated[float, Meta(gt=0.0, le=2.0)]


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Skin at rest: z = -x^2 / (2 radius) + relief * sin(2 pi y / length), patient frame (m)."""

    base_p_patient_m: tuple[float, float, float] = (0.58, 0.0, 0.16)
    radius_m: Length = 0.25
    relief_m: Annotated[float, Meta(ge=0.0, le=0.05)] = 0.004
    relief_length_m: Length = 0.12
    half_x_m: Length = 0.16
    half_y_m: Length = 0.22


class Breathing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lift of the skin: amplitude * (1 - cos(2 pi f t)) / 2."""

    peak_to_peak_m: Annotated[float, Meta(ge=0.0, le=0.05)] = 0.008
    frequency_hz: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.25


class Mechanics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probe-size contact (docs/control.md): Hunt-Crossley."""

    stiffness_n_m: Annotated[float, Meta(ge=10.0, le=20000.0)] = 600.0
    exponent: Annotated[float, Meta(ge=1.0, le=2.0)] = 1.2
    damping_n_s_m: Annotated[float, Meta(ge=0.0, le=500.0)] = 12.0
    friction: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.08


class Scene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A patient. `anatomy` is read by `robot_sim/ultrasound`."""

    name: str = "abdomen"
    surface: Surface = Surface()
    breathing: Breathing = Breathing()
    mechanics: Mechanics = Mechanics()
    needle: NeedleScene = NeedleScene()
    anatomy: dict[str, Any] = {}


def breathing_lift_m(scene: Scene, now_ns: int) -> float:
    """Lift of the skin above rest at `now_ns` (m)."""
    b = scene.breathing
    period_ns = int(1e9 / b.frequency_hz) if b.frequency_hz > 0 else 0
    phase = (now_ns % period_ns) / period_ns if period_ns else 0.0
    return b.peak_to_peak_m * 0.5 * (1.0 - math.cos(2.0 * math.pi * phase))


def skin_z_m(scene: Scene, x_m: float, y_m: float, now_ns: int) -> float:
    """Height of the undeformed skin at patient (x, y), patient frame (m)."""
    s = scene.surface
    relief = s.relief_m * math.sin(2.0 * math.pi * y_m / s.relief_length_m)
    return -x_m * x_m / (2.0 * s.radius_m) + relief + breathing_lift_m(scene, now_ns)


def skin_normal(scene: Scene, x_m: float, y_m: float) -> tuple[float, float, float]:
    """Outward unit normal of the skin at patient (x, y)."""
    s = scene.surface
    k = 2.0 * math.pi / s.relief_length_m
    nx, ny = x_m / s.radius_m, -s.relief_m * k * math.cos(k * y_m)
    n = math.sqrt(nx * nx + ny * ny + 1.0)
    return nx / n, ny / n, 1.0 / n


def _refuse_not_finite(value: object, name: str) -> None:
    """TOML knows nan and inf; a scene has no use for them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise SceneError(f"{name}: {value} is not a finite number")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_not_finite(item, f"{name}: {key}")
    if isinstance(value, list):
        for item in value:
            _refuse_not_finite(item, name)


def load_scene(path: Path | None = None) -> Scene:
    """Read a scene file (default: the built-in abdomen)."""
    file = path or BUILT_IN
    try:
        table = tomllib.loads(file.read_text("utf-8"))
        _refuse_not_finite(table, str(file))
        return msgspec.convert(table, Scene)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SceneError(f"{file}: {error}") from error
