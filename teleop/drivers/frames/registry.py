"""Which source a configured name means, as one table. An own source is one more row.

Opening imports what a source needs only then: the simulator brings a compiler, files bring codecs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from teleop.config import Config
from teleop.drivers.frames.base import FrameSource, SourceMissingError


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row: how a source name is recognised and opened."""

    name: str
    live: bool
    matches: Callable[[str], bool]
    open: Callable[[Config], FrameSource]


def _size(config: Config) -> tuple[int, int]:
    return config.video.width, config.video.height


def _open_sim(config: Config) -> FrameSource:
    from robot_sim.scene import load_scene
    from teleop.drivers.frames.sim import SimSource

    video = config.video
    scene = load_scene(Path(config.arm.scene) if config.arm.scene else None)
    return SimSource(scene, video.width, video.height, float(video.fps), config.seed)


def _open_sample(config: Config) -> FrameSource:
    """The cardiac clip inside pydicom's package (30 pictures, 320 x 240)."""
    import pydicom.examples

    from teleop.drivers.frames.dicom import open_dicom

    return open_dicom(Path(pydicom.examples.get_path("ybr_color")), _size(config), "sample")


def _open_v4l2(config: Config) -> FrameSource:
    from teleop.drivers.frames.camera import open_v4l2

    return open_v4l2(Path(config.video.source), _size(config), config.video.fps)


def _open_folder(config: Config) -> FrameSource:
    from teleop.drivers.frames.video import open_folder

    return open_folder(Path(config.video.source), _size(config))


def _open_dicom(config: Config) -> FrameSource:
    from teleop.drivers.frames.dicom import open_dicom

    return open_dicom(Path(config.video.source), _size(config))


def _open_tracked(config: Config) -> FrameSource:
    from teleop.drivers.frames.tracked import open_tracked

    return open_tracked(Path(config.video.source), _size(config))


def _open_video(config: Config) -> FrameSource:
    from teleop.drivers.frames.video import VideoFile

    return VideoFile(Path(config.video.source), _size(config))


def _is_dicom(text: str) -> bool:
    """By name, or by the letters after the preamble: clips often come without an extension."""
    if text.lower().endswith((".dcm", ".dicom")):
        return True
    try:
        with Path(text).open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except (OSError, ValueError):  # not readable: whoever opens it says why
        return False


TABLE: list[SourceKind] = [
    SourceKind("sim", True, lambda text: text == "sim", _open_sim),
    SourceKind("sample", False, lambda text: text == "sample", _open_sample),
    SourceKind("v4l2", True, lambda text: text.startswith("/dev/"), _open_v4l2),
    SourceKind("folder", False, os.path.isdir, _open_folder),
    SourceKind("tracked", False, lambda text: text.lower().endswith(".mha"), _open_tracked),
    SourceKind("dicom", False, _is_dicom, _open_dicom),
    SourceKind("video", False, lambda text: os.path.isfile(text) or "." in text, _open_video),
]
"""First match wins."""


def kind_of(source: str) -> SourceKind:
    """The row for a configured source; SourceMissingError when nothing fits."""
    for kind in TABLE:
        if "\0" not in source and kind.matches(source):
            return kind
    raise SourceMissingError(
        f"picture source {source!r} is not known: use sim, sample, a video file, a folder of "
        "images, a .dcm clip, a .igs.mha sequence, or /dev/videoN"
    )


def open_source(config: Config) -> FrameSource:
    """Open the configured source."""
    return kind_of(config.video.source).open(config)
