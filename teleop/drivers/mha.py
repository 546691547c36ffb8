"""Tracked ultrasound sequences (`.igs.mha`): a MetaImage text header, then the pixels.

Strict: what is not exactly as the format says is refused with a `SourceFormatError`, never
guessed. Sizes are bounded before anything is allocated, so that a small file cannot unpack into
all memory. Format: the sequence metafile of the PLUS toolkit and 3D Slicer.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from teleop.drivers.frames.base import SourceFormatError, SourceMissingError

HEADER_MAX_BYTES = 8 << 20
LINE_MAX_BYTES = 1024
"""Longest real line: 16 numbers and a name, about 250 bytes."""
SIDE_MAX_PX = 4096
FRAMES_MAX = 5000
PIXELS_MAX_BYTES = 2 << 30
CHUNK_BYTES = 1 << 18
RIGID_TOLERANCE = 0.02
"""Largest deviation of R^T R from the identity: trackers write six rounded digits."""

Array = NDArray[np.float64]

_FRAME_KEY = re.compile(r"Seq_Frame(\d{4,6})_(\w+)")
_REQUIRED = {"ObjectType": "Image", "NDims": "3", "ElementType": "MET_UCHAR"}
_OPTIONAL = {"BinaryData": "True", "ElementNumberOfChannels": "1"}


@dataclass(frozen=True, slots=True)
class Track:
    """One transform over all frames, for example ProbeToTracker."""

    matrices_mm: Array
    """frames x 4 x 4; NaN where there is no pose."""
    valid: NDArray[np.bool_]
    """Status OK, all numbers finite, rotation rigid. Anything else is not a pose."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """The header: everything but the pixels."""

    width: int
    height: int
    frames: int
    orientation: str
    """First letters of UltrasoundImageOrientation: M/U x to the marked/unmarked side, F/N y away
    from/towards the transducer; empty when the file does not say."""
    stamps_s: Array
    """Recorder's clock; NaN where a frame has none."""
    image_ok: NDArray[np.bool_]
    tracks: Mapping[str, Track]
    compressed: bool
    pixels_at: int
    """Offset of the first pixel byte in the file."""

    def relative(self, moving: str, reference: str) -> Track:
        """Pose of `moving` in coordinates of `reference`: inverse(reference) * moving."""
        missing = [name for name in (moving, reference) if name not in self.tracks]
        if missing:
            raise SourceFormatError(
                f"no transform {missing[0]} in this sequence (it has: "
                f"{', '.join(sorted(self.tracks)) or 'none'}); choose a tracked recording"
            )
        a, b = self.tracks[reference], self.tracks[moving]
        valid = a.valid & b.valid
        poses = np.full((self.frames, 4, 4), np.nan)
        poses[valid] = np.linalg.inv(a.matrices_mm[valid]) @ b.matrices_mm[valid]
        return Track(poses, valid)


def read(path: Path) -> Sequence:
    """Read the header of a file."""
    try:
        with path.open("rb") as file:
            return read_header(file)
    except OSError as error:
        raise SourceMissingError(f"{path}: cannot be read ({error.strerror})") from error
    except SourceFormatError as error:
        raise SourceFormatError(f"{path.name}: {error}") from error


def read_header(file: BinaryIO) -> Sequence:
    """Read the header; the file is then at its first pixel."""
    fields = _fields(file)
    for key, value in {**_REQUIRED, **_OPTIONAL}.items():
        have = fields.get(key, value if key in _OPTIONAL else "missing")
        if have != value:
            raise SourceFormatError(f"{key} is {have[:40]}, only {value} is supported")
    compressed = fields.get("CompressedData", "False")
    if compressed not in ("True", "False"):
        raise SourceFormatError("CompressedData must be True or False")
    width, height, frames = _size(fields.get("DimSize", ""))
    per_frame = _per_frame(fields, frames)
    orientation = fields.get("UltrasoundImageOrientation", "")
    if orientation and orientation[:2] not in ("MF", "MN", "UF", "UN"):
        raise SourceFormatError(
            f"UltrasoundImageOrientation {orientation[:10]} is not supported: export as MF"
        )
    return Sequence(
        width, height, frames, orientation[:2],
        np.array([_stamp(values, i) for i, values in enumerate(per_frame)]),
        np.array([values.get("ImageStatus", "OK") == "OK" for values in per_frame]),
        _tracks(per_frame), compressed == "True", file.tell(),
    )  # fmt: skip


def _fields(file: BinaryIO) -> dict[str, str]:
    """`Key = value` lines up to and including ElementDataFile; each key once."""
    fields: dict[str, str] = {}
    left = HEADER_MAX_BYTES
    while "ElementDataFile" not in fields:
        line = file.readline(LINE_MAX_BYTES)
        left -= len(line)
        if not line.endswith(b"\n") or left < 0:
            raise SourceFormatError(
                "the header does not end: not a .mha file, or a damaged one; copy it again"
            )
        try:
            key, separator, value = line.decode("ascii").partition("=")
        except UnicodeDecodeError as error:
            raise SourceFormatError("the header is not text: not a .mha file") from error
        key, value = key.strip(), value.strip()
        if not separator or not key or key in fields:
            raise SourceFormatError(f"header line {len(fields) + 1} is damaged")
        fields[key] = value
    if fields["ElementDataFile"] != "LOCAL":
        raise SourceFormatError("ElementDataFile must be LOCAL: export with the pixels inside")
    return fields


def _size(text: str) -> tuple[int, int, int]:
    words = text.split()
    if len(words) != 3 or not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise SourceFormatError("DimSize must be three numbers: width, height, frames")
    width, height, frames = (int(word) for word in words)
    if not (0 < width <= SIDE_MAX_PX and 0 < height <= SIDE_MAX_PX and 0 < frames <= FRAMES_MAX):
        raise SourceFormatError(
            f"DimSize {width} x {height} x {frames}: at most {SIDE_MAX_PX} x {SIDE_MAX_PX} "
            f"pixels and {FRAMES_MAX} frames; cut the recording"
        )
    if width * height * frames > PIXELS_MAX_BYTES:
        raise SourceFormatError("more than 2 GiB of pixels; cut the recording")
    return width, height, frames


def _per_frame(fields: dict[str, str], frames: int) -> list[dict[str, str]]:
    values: list[dict[str, str]] = [{} for _ in range(frames)]
    for key, value in fields.items():
        match = _FRAME_KEY.fullmatch(key)
        if match is None:
            continue
        index = int(match[1])
        if index >= frames or match[2] in values[index]:
            raise SourceFormatError(f"{key[:60]}: no such frame, or named twice")
        values[index][match[2]] = value
    return values


def _stamp(values: dict[str, str], index: int) -> float:
    text = values.get("Timestamp")
    if text is None:
        return float("nan")
    stamp = _numbers(text, 1, f"time stamp of frame {index}")[0]
    if not np.isfinite(stamp):
        raise SourceFormatError(f"the time stamp of frame {index} is not a number")
    return float(stamp)


def _numbers(text: str, count: int, what: str) -> Array:
    try:
        numbers = [float(word) for word in text.split()] if "_" not in text else []
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise SourceFormatError(f"the {what} must be {count} numbers")
    return np.array(numbers)


def _tracks(per_frame: list[dict[str, str]]) -> dict[str, Track]:
    ending = "Transform"
    keys = {key for values in per_frame for key in values if key.endswith(ending)}
    tracks: dict[str, Track] = {}
    for key in sorted(keys):
        matrices = np.full((len(per_frame), 4, 4), np.nan)
        valid = np.zeros(len(per_frame), bool)
        for i, values in enumerate(per_frame):
            if key not in values:
                continue
            pose = _numbers(values[key], 16, f"{key[:40]} of frame {i}").reshape(4, 4)
            if values.get(f"{key}Status") == "OK" and is_rigid(pose):
                matrices[i], valid[i] = pose, True
        tracks[key.removesuffix(ending)] = Track(matrices, valid)
    return tracks


def is_rigid(pose: Array) -> bool:
    """Finite, last row 0 0 0 1, a proper rotation, and a place on this planet (in mm)."""
    if not np.isfinite(pose).all() or np.abs(pose).max() > 1e6:
        return False
    rotation = pose[:3, :3]
    return bool(
        np.abs(pose[3] - (0.0, 0.0, 0.0, 1.0)).max() < 1e-6
        and np.abs(rotation.T @ rotation - np.eye(3)).max() < RIGID_TOLERANCE
        and np.linalg.det(rotation) > 0.0
    )


def pictures(file: BinaryIO, sequence: Sequence) -> Iterator[NDArray[np.uint8]]:
    """Every picture (height x width) in order, from a file that stands at its first pixel.

    Raises:
        SourceFormatError: fewer or more pixels than the header says, or a damaged stream.
    """
    size = sequence.width * sequence.height
    unpack = _Unpacker(file) if sequence.compressed else _Plain(file)
    for index in range(sequence.frames):
        data = unpack.read(size)
        if len(data) != size:
            raise SourceFormatError(
                f"the pixels end in frame {index} of {sequence.frames}: the file is cut off; "
                "copy it again"
            )
        yield np.frombuffer(data, np.uint8).reshape(sequence.height, sequence.width)
    if unpack.read(1) or unpack.rest or file.read(1):
        raise SourceFormatError("more pixels than the header says: the file is damaged")


class _Plain:
    """Reads pixels as they are."""

    rest = b""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read


class _Unpacker:
    """Reads a zlib stream piece by piece: never more in memory than was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zlib = zlib.decompressobj()

    @property
    def rest(self) -> bytes:
        """What follows the end of the stream."""
        return self._zlib.unused_data

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer only at the end of the stream."""
        parts: list[bytes] = []
        left = size
        while left > 0 and not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(CHUNK_BYTES)
            if not packed:
                raise SourceFormatError("the compressed pixels are cut off; copy the file again")
            try:
                part = self._zlib.decompress(packed, left)
            except zlib.error as error:
                raise SourceFormatError("the compressed pixels are damaged") from error
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
