"""A clip in memory, replayed in a loop: what DICOM clips, sequences and image folders become."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from safety.messages import ArmState
from teleop.drivers.frames import fit
from teleop.drivers.frames.base import (
    REPLAY_FPS,
    Frame,
    Geometry,
    ImageParameters,
    SourceFormatError,
)

Luma = NDArray[np.uint8]

CLIP_MAX_BYTES = 512 << 20
"""Of fitted pictures: about a minute at 640 x 480 and 30 pictures per second."""


class ClipSource:
    """A replay: each call gives the next picture, after the last one the first again."""

    live = False
    nominal_fps = REPLAY_FPS
    paces_itself = False

    def __init__(self, name: str, pictures: list[Luma], geometry: Geometry) -> None:
        self.name = name
        self._pictures, self._geometry = pictures, geometry
        self._next = 0

    def __len__(self) -> int:
        return len(self._pictures)

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """Scale of the recording: settings do not change it."""
        return self._geometry

    def apply(self, parameters: ImageParameters) -> None:
        """A recording has no settings."""

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """The next picture, stamped now: it shows that the path works, never the patient."""
        luma = self._pictures[self._next]
        self._next = (self._next + 1) % len(self._pictures)
        return Frame(luma, now_ns)

    def close(self) -> None:
        """Give the memory back."""
        self._pictures = []


def gather(
    name: str,
    pictures: Iterable[Luma],
    target: tuple[int, int],
    mm_per_px: tuple[float, float] | None,
) -> ClipSource:
    """Fit all pictures into `target` (width, height) and keep them.

    Raises:
        SourceFormatError: there is none, or more than memory should hold.
    """
    limit = max(1, CLIP_MAX_BYTES // (target[0] * target[1]))
    fitted: list[Luma] = []
    plan, planned_for = None, (0, 0)
    for picture in pictures:
        size = (picture.shape[1], picture.shape[0])
        if plan is None or size != planned_for:
            plan, planned_for = fit.plan(size, target, mm_per_px), size
        if len(fitted) == limit:
            raise SourceFormatError(
                f"{name}: more than {limit} pictures; cut the clip, or convert it to a video file"
            )
        fitted.append(fit.apply(plan, picture))
    if plan is None:
        raise SourceFormatError(f"{name}: no usable picture in it; choose another recording")
    return ClipSource(name, fitted, plan.geometry)
