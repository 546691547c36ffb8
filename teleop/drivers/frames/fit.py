"""Fit a picture of any size into the configured one: square pixels, centred, black around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from teleop.drivers.frames.base import NO_SCALE, Geometry


@dataclass(frozen=True, slots=True)
class Fit:
    """A letterbox: where the picture goes and what a pixel is worth there."""

    width: int
    height: int
    left: int
    top: int
    inner_width: int
    inner_height: int
    geometry: Geometry


def plan(
    source: tuple[int, int], target: tuple[int, int], mm_per_px: tuple[float, float] | None
) -> Fit:
    """Plan the letterbox of a `source` (width, height) picture in `target` (width, height).

    `mm_per_px` is the source's scale in x and y, None when it is unknown (then square pixels).
    """
    wide, high = source
    scale_x, scale_y = mm_per_px or (1.0, 1.0)
    zoom = min(target[0] / (wide * scale_x), target[1] / (high * scale_y))
    inner_w = max(1, min(target[0], round(wide * scale_x * zoom)))
    inner_h = max(1, min(target[1], round(high * scale_y * zoom)))
    known = mm_per_px is not None
    geometry = Geometry(high * scale_y / 1e3, 1.0 / zoom, 0.0, 0.0) if known else NO_SCALE
    left, top = (target[0] - inner_w) // 2, (target[1] - inner_h) // 2
    return Fit(target[0], target[1], left, top, inner_w, inner_h, geometry)


def apply(fit: Fit, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the letterboxed picture (height x width of the plan)."""
    out = np.zeros((fit.height, fit.width), np.uint8)
    shrink = fit.inner_width < luma.shape[1]
    inner = cv2.resize(
        luma,
        (fit.inner_width, fit.inner_height),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR,
    )
    out[fit.top : fit.top + fit.inner_height, fit.left : fit.left + fit.inner_width] = inner
    return out
