"""Video files and folders of images through PyAV."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError

from safety.messages import ArmState
from teleop.drivers.frames import fit
from teleop.drivers.frames.base import (
    NO_SCALE,
    REPLAY_FPS,
    Frame,
    Geometry,
    ImageParameters,
    SourceFormatError,
    SourceLostError,
    SourceMissingError,
)
from teleop.drivers.frames.clip import ClipSource, Luma, gather

SIDE_MAX_PX = 4096
IMAGES_MAX = 20_000
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".webp")
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,h264,hevc,m4v,mjpeg,gif,"
    "ivf,flv,asf,mxf,nut,yuv4mpegpipe,image2,png_pipe,jpeg_pipe,bmp_pipe,tiff_pipe,pgm_pipe,"
    "ppm_pipe,webp_pipe"
)
"""No play lists and scripts: a recording must not make us open other files or addresses."""
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


def open_folder(path: Path, target: tuple[int, int]) -> ClipSource:
    """Load a folder of images in the order of the numbers in their names."""
    try:
        files = [file for file in path.iterdir() if file.suffix.lower() in IMAGES]
    except OSError as error:
        raise SourceMissingError(f"{path}: cannot be read ({error.strerror})") from error
    if not 0 < len(files) <= IMAGES_MAX:
        raise SourceFormatError(
            f"{path}: {len(files)} images in it; 1 to {IMAGES_MAX} are needed ({' '.join(IMAGES)})"
        )
    files.sort(key=_natural)
    return gather(path.name, (_image(file) for file in files), target, None)


def _natural(file: Path) -> list[tuple[int, str]]:
    """Sort key: frame2 before frame10."""
    words = re.findall(r"\d+|\D+", file.name)
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words]


def _image(file: Path) -> Luma:
    container = open_container(file)
    try:
        for luma in lumas(container, file.name):
            return luma
    finally:
        container.close()
    raise SourceFormatError(f"{file.name}: no picture in it; remove it from the folder")


def open_container(path: Path) -> InputContainer:
    """Open a file for decoding on this thread; errors say what to do."""
    try:
        container = av.open(str(path), options=OPTIONS)
    except (FileNotFoundError, PermissionError) as error:
        raise SourceMissingError(f"{path}: cannot be read ({error.strerror})") from error
    except (FFmpegError, OSError) as error:
        raise SourceFormatError(
            f"{path.name}: not a video or image that can be read ({error.strerror}); "
            "convert it to MP4"
        ) from error
    if not container.streams.video:
        container.close()
        raise SourceFormatError(f"{path.name}: no video in it; choose another file")
    return container


def lumas(
    container: InputContainer, name: str, say_damage: bool = True
) -> Generator[Luma, None, None]:
    """Pictures of the first video stream, full-range luma; damage ends it early and is said."""
    stream = container.streams.video[0]
    stream.thread_type = "NONE"
    context = stream.codec_context
    if max(context.width, context.height) > SIDE_MAX_PX:
        raise SourceFormatError(f"{name}: larger than {SIDE_MAX_PX} pixels; scale it down")
    count = 0
    try:
        for frame in container.decode(stream):
            if max(frame.width, frame.height) > SIDE_MAX_PX:
                raise SourceFormatError(f"{name}: larger than {SIDE_MAX_PX} pixels")
            yield np.ascontiguousarray(frame.to_ndarray(format="gray"), np.uint8)
            count += 1
    except (FFmpegError, ValueError) as error:  # none at all is the caller's error
        if say_damage:
            sys.stderr.write(f"{name}: damaged after {count} pictures ({error}); playing those\n")


class VideoFile:
    """A replay of a video file, decoded as it plays (one picture per call), in a loop."""

    live = False
    nominal_fps = REPLAY_FPS
    paces_itself = False

    def __init__(self, path: Path, target: tuple[int, int]) -> None:
        self.name = path.name
        self._path, self._target = path, target
        self._plan: fit.Fit | None = None
        self._size = (0, 0)
        self._open(say_damage=True)
        first = next(self._lumas, None)
        if first is None:
            self.close()
            raise SourceFormatError(
                f"{path.name}: no picture can be decoded; convert it to MP4 (H.264)"
            )
        self._pending: Luma | None = first

    def geometry_for(self, parameters: ImageParameters) -> Geometry:
        """A video file has no scale."""
        return NO_SCALE

    def apply(self, parameters: ImageParameters) -> None:
        """A recording has no settings."""

    def next(self, now_ns: int, arm: ArmState | None) -> Frame | None:
        """The next picture; after the last one the first again."""
        luma, self._pending = self._pending, None
        if luma is None:
            luma = next(self._lumas, None)
        if luma is None:
            luma = self._again()
        size = (luma.shape[1], luma.shape[0])
        if self._plan is None or self._size != size:
            self._plan, self._size = fit.plan(size, self._target, None), size
        return Frame(fit.apply(self._plan, luma), now_ns)

    def close(self) -> None:
        """Close the file."""
        self._lumas.close()
        self._container.close()

    def _open(self, say_damage: bool) -> None:
        self._container = open_container(self._path)
        self._lumas = lumas(self._container, self.name, say_damage)

    def _again(self) -> Luma:
        self.close()
        self._open(say_damage=False)  # once is enough: this comes around with every loop
        luma = next(self._lumas, None)
        if luma is None:
            raise SourceLostError(f"{self._path}: can no longer be read; is its disk still there?")
        return luma
