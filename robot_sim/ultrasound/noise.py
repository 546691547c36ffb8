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


def _smooth(rng: np.random.Generator, sigma_px: float) -> NDArray[np.float32]:
    """Periodic Gaussian noise of unit variance, blurred by `sigma_px`."""
    white = rng.standard_normal((TILE, TILE)).astype(np.float32)
    pad = int(4 * sigma_px) + 1
    wrapped = np.pad(white, pad, mode="wrap")
    field = cv2.GaussianBlur(wrapped, (0, 0), sigma_px)[pad:-pad, pad:-pad]
    return np.ascontiguousarray(field / field.std(), np.float32)


def make_fields(seed: int) -> NoiseFields:
    """Make all tables; the same seed gives the same tables."""
    rng = np.random.default_rng(seed)
    iq = np.stack([_smooth(rng, 0.9), _smooth(rng, 0.9)], axis=-1) * SPECKLE_SCALE
    texture = 0.5 * _smooth(rng, 4.0) + 0.7 * _smooth(rng, 10.0) + 0.5 * _smooth(rng, 24.0)
    electronic = rng.standard_normal((TILE, 2 * TILE)).astype(np.float32)
    return NoiseFields(
        np.clip(np.rint(iq), -127, 127).astype(np.int8),
        np.ascontiguousarray(texture / texture.std(), np.float32),
        _smooth(rng, 26.0),
        electronic,
    )
