"""What a picture source is: a protocol, its frames, its errors.

Errors:
    FrameSourceError: base; the message says what to do next.
        SourceMissingError: the file, folder or device is not there or may not be read.
        SourceFormatError: the content cannot be used (ours to refuse, theirs to mend).
        SourceLostError: a source that worked has stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from safety.messages import ArmState

REPLAY_FPS = 30.0
"""A replay is paced at 30 pictures per second, whatever its own rate was."""


class FrameSourceError(RuntimeError):
    """The picture source cannot be used; the message says what to do next."""


class SourceMissingError(FrameSourceError):
    """The file, folder or device is not there or may not be read."""


class SourceFormatError(FrameSourceError):
    """The content is damaged, too large, or of a kind that is not supported."""


class SourceLostError(FrameSourceError):
    """A source that worked has stopped giving pictures."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture."""

    luma: NDArray[np.uint8]
    """height x width, 0..255; the receiver does not write into it."""
    acquired_ns: int
    """Monotonic time of acquisition."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Scale of the picture as sent."""

    depth_m: float
    mm_per_px: float
    """The same in both directions: sources with other pixels are resampled."""
    apex_x_px: float
    """Virtual apex of a convex picture; NaN is never sent: a linear one has (0, 0)."""
    apex_y_px: float


NO_SCALE = Geometry(0.0, 0.0, 0.0, 0.0)
"""Nothing is known about the scale: nothing may be measured in the picture."""


@dataclass(frozen=True, slots=True)
class ImageParameters:
    """How the picture is formed (bounds: `transport.schema.ImageSettings`)."""

    gain_db: float = 0.0
    depth_m: float = 0.16
    dynamic_range_db: float = 60.0


class FrameSource(Protocol):
    """A picture source. Used from one thread."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    @property
    def live(self) -> bool:
        """The picture shows the patient now (a replay never does)."""

    @property
    def nominal_fps(self) -> float:
        """Pictures per second it can give."""

    @property
    def paces_itself(self) -> bool:
        """True: `next` waits (at most 100 ms) for a new picture. False: call it on schedule."""

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """Scale of the picture with these settings, or NO_SCALE. Any thread may ask."""

    def apply(self, parameters: ImageParameters) -> None:
        """Change the settings from the next picture on; sources without settings ignore them."""

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """The picture of `now_ns`, or None when there is no new one.

        Args:
            now_ns: monotonic time.
            arm: newest state of the arm, None when it is lost (silent or never seen).

        Raises:
            FrameSourceError: the source is at its end for good.
        """

    def close(self) -> None:
        """Release files and devices."""
