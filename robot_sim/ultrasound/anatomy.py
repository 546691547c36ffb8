"""What is in the body: the `[anatomy]` table of a scene file as typed structs.

Coordinates are those of the resting patient (`robot_sim/scene.py`: origin on the skin, z outward,
so that 40 mm deep is z = -0.04). Lengths in metres. Unknown fields are refused.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from robot_sim.scene import Scene, SceneError

Point = tuple[float, float, float]
Length = Annotated[float, Meta(gt=0.0, le=0.3)]
MAX_SHAPES = 62
"""Vessels, nodules, cysts and bones together, small vessels of the texture included."""


class Tissue(IntEnum):
    """Rows of `ACOUSTICS`."""

    GEL = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    LIVER = 4
    NODULE = 5
    BLOOD = 6
    WALL = 7
    BONE = 8
    FLUID = 9


ACOUSTICS: tuple[tuple[float, float, float], ...] = (
    (-40.0, 0.10, 1.60),
    (-3.0, 0.60, 1.65),
    (-15.0, 0.55, 1.38),
    (-7.5, 0.60, 1.63),
    (-6.0, 0.50, 1.63),
    (-18.0, 0.50, 1.60),
    (-44.0, 0.18, 1.66),
    (-1.0, 0.80, 1.75),
    (-30.0, 20.0, 6.00),
    (-50.0, 0.02, 1.52),
)
"""Per tissue: echogenicity (dB), attenuation (dB/cm/MHz), impedance (MRayl).

Source: textbook values (echo level relative to the maximum); skin and muscle raised to look right.
"""


class Layers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body wall: depths of the lower borders at rest, and how much they undulate."""

    skin_m: Length = 0.0022
    fat_m: Length = 0.014
    muscle_m: Length = 0.026
    undulation_m: Annotated[float, Meta(ge=0.0, le=0.01)] = 0.0016


class Vessel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Straight vessel from one point to another."""

    start_m: Point
    end_m: Point
    radius_m: Length
    wall_m: Annotated[float, Meta(ge=0.0, le=0.005)] = 0.0008
    pulse: Annotated[float, Meta(ge=0.0, le=0.3)] = 0.0
    """Relative change of the radius over a heartbeat; 0: a vein."""


class Ellipsoid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nodule or cyst with axes parallel to the patient's."""

    center_m: Point
    radii_m: tuple[Length, Length, Length]


class Bone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rib: a straight rod."""

    start_m: Point
    end_m: Point
    radius_m: Length


class Anatomy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the picture shows."""

    layers: Layers = Layers()
    vessels: tuple[Vessel, ...] = ()
    nodules: tuple[Ellipsoid, ...] = ()
    cysts: tuple[Ellipsoid, ...] = ()
    bones: tuple[Bone, ...] = ()
    small_vessels: Annotated[int, Meta(ge=0, le=40)] = 24
    """Random small vessels in the liver (by the seed)."""
    heart_rate_hz: Annotated[float, Meta(ge=0.3, le=4.0)] = 1.1
    breathing_slide: Annotated[float, Meta(ge=0.0, le=3.0)] = 1.2
    """Deep tissue slides along y by this much per metre of skin lift."""
    tissue_depth_m: Length = 0.06
    """Compression under the probe decays over this depth."""


def parse_anatomy(scene: Scene) -> Anatomy:
    """Read the anatomy of a scene; SceneError names the field that is wrong."""
    try:
        anatomy = msgspec.convert(scene.anatomy, Anatomy)
    except msgspec.ValidationError as error:
        raise SceneError(f"scene {scene.name}: [anatomy] {error}") from error
    _check(scene, anatomy)
    return anatomy


def _check(scene: Scene, anatomy: Anatomy) -> None:
    layers = anatomy.layers
    if not layers.skin_m < layers.fat_m < layers.muscle_m:
        raise SceneError(
            f"scene {scene.name}: [anatomy.layers] depths must rise: skin_m < fat_m < muscle_m"
        )
    own = (anatomy.vessels, anatomy.nodules, anatomy.cysts, anatomy.bones)
    count = sum(len(group) for group in own) + anatomy.small_vessels
    if count > MAX_SHAPES:
        raise SceneError(
            f"scene {scene.name}: [anatomy] {count} shapes, at most {MAX_SHAPES} "
            "(small_vessels included)"
        )
    rods: tuple[Vessel | Bone, ...] = (*anatomy.vessels, *anatomy.bones)
    for rod in rods:
        if rod.start_m == rod.end_m:
            raise SceneError(f"scene {scene.name}: [anatomy] start_m and end_m are the same point")
