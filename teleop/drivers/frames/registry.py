"""Which source a configured name means, as one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from robot_sim.scene import load_scene
from teleop.config import Config
from teleop.drivers.frames.base import FrameSource, SourceMissingError
from teleop.drivers.frames.sim import SimSource


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row: how a source name is recognised and opened."""

    name: str
    live: bool
    matches: Callable[[str], bool]
    open: Callable[[Config], FrameSource]


def _open_sim(config: Config) -> FrameSource:
    video = config.video
    scene = load_scene(Path(config.arm.scene) if config.arm.scene else None)
    return SimSource(scene, video.width, video.height, float(video.fps), config.seed)


TABLE: tuple[SourceKind, ...] = (SourceKind("sim", True, lambda text: text == "sim", _open_sim),)
"""First match wins."""


def kind_of(source: str) -> SourceKind:
    """The row for a configured source; SourceMissingError when nothing fits."""
    for kind in TABLE:
        if kind.matches(source):
            return kind
    raise SourceMissingError(
        f"picture source {source!r} is not known: use sim, sample, a video file, a folder of "
        "images, a .dcm clip, a .igs.mha sequence, or /dev/videoN"
    )


def open_source(config: Config) -> FrameSource:
    """Open the configured source."""
    return kind_of(config.video.source).open(config)
