"""Your own picture source: implement `FrameSource`, add a row to `TABLE`, and media streams it.

This one is a test picture: a bright spot that falls 20 mm deep once a second.
Run: python examples/own_frame_source.py
"""

import numpy as np

from safety.messages import ArmState
from teleop.config import Config, parse
from teleop.drivers.frames.base import Frame, Geometry, ImageParameters
from teleop.drivers.frames.registry import TABLE, SourceKind, open_source

PERIOD_NS = 1_000_000_000 // 30
DEPTH_M = 0.06


class FallingSpot:
    """Replace `next` by what your device gives; times are monotonic nanoseconds."""

    name = "falling spot"
    live = False  # True only when the picture shows the patient now
    nominal_fps = 30.0
    paces_itself = False  # True when `next` waits for the device

    def __init__(self, config: Config) -> None:
        self._size_px = (config.video.width, config.video.height)
        self._gain_db = 0.0

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """Scale of the picture; return `base.NO_SCALE` when you do not know it."""
        return Geometry(DEPTH_M, DEPTH_M * 1e3 / self._size_px[1], 0.0, 0.0)

    def apply(self, parameters: ImageParameters) -> None:
        """Settings from the console, from the next picture on."""
        self._gain_db = parameters.gain_db

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """The picture of `now_ns`; `arm` is None when the arm is silent."""
        width, height = self._size_px
        luma = np.full((height, width), 20, np.uint8)
        row = round((now_ns % 10**9) / 1e9 * 0.02 / DEPTH_M * height)
        level = 100.0 * 10 ** (self._gain_db / 20)
        luma[row : row + 4, width // 2 - 2 : width // 2 + 2] = min(255, round(level))
        return Frame(luma, now_ns)

    def close(self) -> None:
        """Release files and devices."""


TABLE.insert(0, SourceKind("spot", FallingSpot.live, lambda text: text == "spot", FallingSpot))
source = open_source(parse('[video]\nsource = "spot"'))
source.apply(ImageParameters(gain_db=6.0))
mm = source.geometry_for(ImageParameters()).mm_per_px
for frame in filter(None, (source.next(i * PERIOD_NS, None) for i in range(0, 30, 6))):
    depth_mm = mm * int(np.argmax(frame.luma.max(axis=1)))
    print(f"{frame.acquired_ns / 1e9:.1f} s: brightest {frame.luma.max()} at {depth_mm:.1f} mm")
source.close()
