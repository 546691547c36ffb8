"""The scale of a DICOM ultrasound picture: trusted only when its region fits the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom.dataset import Dataset

TISSUE = 1
"""Region data type (0018,6014): tissue; others are spectra, traces and colour bars."""
FLAT_PICTURE = 1
"""Region spatial format (0018,6012): 2-D."""
CENTIMETRES = 3
"""Physical units (0018,6024/6026)."""
MM_PER_PX_RANGE = (0.001, 10.0)


@dataclass(frozen=True, slots=True)
class Region:
    """Part of the picture where millimetres mean something."""

    left: int
    top: int
    right: int
    """Exclusive."""
    bottom: int
    mm_per_px: tuple[float, float]


def trusted(dataset: Dataset, width: int, height: int) -> Region | None:
    """The one calibrated 2-D tissue region, None when there is none, several, or a wrong one.

    Pictures are often made smaller or cropped after the fact while the region stays as it was; a
    box that reaches outside the picture shows that, and its scale is then not used.
    """
    regions = [
        item
        for item in dataset.get("SequenceOfUltrasoundRegions") or ()
        if item.get("RegionDataType") == TISSUE and item.get("RegionSpatialFormat") == FLAT_PICTURE
    ]
    return _check(regions[0], width, height) if len(regions) == 1 else None


def _check(item: Dataset, width: int, height: int) -> Region | None:
    names = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    box = [item.get(f"RegionLocation{name}") for name in names]
    deltas = [item.get(f"PhysicalDelta{axis}") for axis in "XY"]
    units = [item.get(f"PhysicalUnits{axis}Direction") for axis in "XY"]
    if units != [CENTIMETRES] * 2 or not all(isinstance(value, int) for value in box):
        return None
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in deltas):
        return None
    left, top, right, bottom = (int(value) for value in box)
    mm_x, mm_y = (abs(float(value)) * 10.0 for value in deltas)
    low, high = MM_PER_PX_RANGE
    inside = 0 <= left < right < width and 0 <= top < bottom < height
    if not inside or not low <= mm_x <= high or not low <= mm_y <= high:
        return None
    return Region(left, top, right + 1, bottom + 1, (mm_x, mm_y))
