"""What a needle goes through, as data: layers with a membrane at the upper border of each.

Forces after Okamura, Simone and O'Leary 2004 (stiffness before puncture, friction and cutting after
it). Magnitudes: skin puncture with 18 to 22 G needles 1 to 5 N, capsule 0.5 to 3 N, steady cutting
in liver about 0.94 N, friction 10 to 100 N/m (0.01 to 0.1 N/mm).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Depth = Annotated[float, Meta(ge=0.0, le=0.25)]
Force = Annotated[float, Meta(ge=0.0, le=20.0)]


class Layer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tissue layer below its membrane."""

    depth_m: Depth
    """Of the membrane below the skin, along its normal."""
    a1_n_m: Annotated[float, Meta(ge=0.0, le=5000.0)] = 100.0
    a2_n_m2: Annotated[float, Meta(ge=0.0, le=1e6)] = 2.0e4
    """Membrane spring before puncture: f = a1 x + a2 x^2, x its indentation (m)."""
    puncture_n: Force = 1.0
    """Membrane force at which it ruptures."""
    cutting_n: Force = 0.6
    """Constant force of the advancing tip inside the layer."""
    friction_n_m: Annotated[float, Meta(ge=0.0, le=200.0)] = 15.0
    """Coulomb friction per inserted length."""
    viscous_n_s_m2: Annotated[float, Meta(ge=0.0, le=1e5)] = 800.0
    """Viscous friction per inserted length and speed."""


ABDOMEN: tuple[Layer, ...] = (
    Layer(depth_m=0.0, a1_n_m=250.0, a2_n_m2=6.0e4, puncture_n=2.2, cutting_n=0.5),
    Layer(depth_m=0.013, a1_n_m=180.0, a2_n_m2=4.0e4, puncture_n=1.3, cutting_n=0.7),
    Layer(depth_m=0.024, a1_n_m=120.0, a2_n_m2=3.0e4, puncture_n=1.6, cutting_n=0.94),
)
"""Skin and fat, fascia and muscle, capsule and liver."""


class NeedleScene(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Needle mechanics of a patient."""

    layers: Annotated[tuple[Layer, ...], Meta(min_length=1, max_length=8)] = ABDOMEN
    """By rising depth; the first one is the skin (depth 0)."""
    curvature_1_m: Annotated[float, Meta(ge=-5.0, le=5.0)] = 0.8
    """Of the path that a bevel tip cuts, in the guide's plane; stiff biopsy needles 0.5 to 2 /m."""
    curvature_off_1_m: Annotated[float, Meta(ge=-5.0, le=5.0)] = 0.0
    """The same across the guide's plane."""
    foundation_1_m: Annotated[float, Meta(ge=0.0, le=200.0)] = 18.0
    """(k / 4 EI)^(1/4) of the shaft on tissue: 18 G steel (0.02 N m2) on 10 kPa gives 19 /m."""
