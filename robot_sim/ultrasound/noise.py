"""Fields of noise that are fixed in tissue, made once from the seed (pure).

Speckle is looked up by position in the resting body, so it moves with tissue and never swims with
the picture. One periodic tile of band-limited complex Gaussian noise serves all elevational slabs:
each slab uses it at its own hashed offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 512
VOXEL_M = 0.00025
"""Grid of the speckle tile: 128 mm period."""
AXIAL_PX, LATERAL_PX = 0.9, 2.2
"""Blur of the tile (voxels). Laterally as wide as the scan lines are apart at 70 mm (0.85 mm), so
that a line between two old lines sees a mixture of both: speckle follows a slide smaller than
that instead of flickering. It stays below the lateral resolution of the probe (1.5 mm)."""
SLAB_M = 0.0025
"""Elevational slab; with linear blending the correlation halves after about 1 mm."""
SPECKLE_SCALE = 32.0
"""int8 value of one standard deviation."""
MACRO_M = 0.0005
"""Grid of the slow fields (texture, undulation): 256 mm period."""


@dataclass(frozen=True, slots=True)
class NoiseFields:
    """Tables for `cast.py`."""

    speckle: NDArray[np.int8]
    """TILE x TILE x 2: I and Q."""
    texture: NDArray[np.float32]
    """TILE x TILE, unit variance: slow changes of echogenicity."""
    undulation: NDArray[np.float32]
    """TILE x TILE, unit variance, smooth: borders of layers."""
    electronic: NDArray[np.float32]
    """TILE x (2 TILE), unit variance: looked up at a new offset per picture."""


def _smooth(
    rng: np.random.Generator, sigma_px: float, along_px: float = 0.0
) -> NDArray[np.float32]:
    """Periodic Gaussian noise of unit variance, blurred by `sigma_px`.

    `along_px`: blur along the first axis where it is to differ.
    """
    first = along_px or sigma_px
    white = rng.standard_normal((TILE, TILE)).astype(np.float32)
    pad = int(4 * max(sigma_px, first)) + 1
    wrapped = np.pad(white, pad, mode="wrap")
    field = cv2.GaussianBlur(wrapped, (0, 0), sigmaX=sigma_px, sigmaY=first)[pad:-pad, pad:-pad]
    return np.ascontiguousarray(field / field.std(), np.float32)


def make_fields(seed: int) -> NoiseFields:
    """Make all tables; the same seed gives the same tables."""
    rng = np.random.default_rng(seed)
    parts = [_smooth(rng, AXIAL_PX, LATERAL_PX) for _ in range(2)]
    iq = np.stack(parts, axis=-1) * SPECKLE_SCALE
    texture = 0.5 * _smooth(rng, 4.0) + 0.7 * _smooth(rng, 10.0) + 0.5 * _smooth(rng, 24.0)
    electronic = rng.standard_normal((TILE, 2 * TILE)).astype(np.float32)
    return NoiseFields(
        np.clip(np.rint(iq), -127, 127).astype(np.int8),
        np.ascontiguousarray(texture / texture.std(), np.float32),
        _smooth(rng, 26.0),
        electronic,
    )
