"""A tracked sequence (`.igs.mha`) as a picture source; its poses are for `teleop.drivers.mha`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from teleop.drivers import mha
from teleop.drivers.frames.base import SourceFormatError, SourceMissingError
from teleop.drivers.frames.clip import ClipSource, Luma, gather


def open_tracked(path: Path, target: tuple[int, int]) -> ClipSource:
    """Load the whole sequence.

    There is no scale: these files carry an element spacing of 1 whatever the scanner's was.
    """
    try:
        with path.open("rb") as file:
            sequence = mha.read_header(file)
            return gather(path.name, _upright(sequence, mha.pictures(file, sequence)), target, None)
    except OSError as error:
        raise SourceMissingError(f"{path}: cannot be read ({error.strerror})") from error
    except SourceFormatError as error:
        raise SourceFormatError(f"{path.name}: {error}") from error


def _upright(sequence: mha.Sequence, pictures: Iterator[Luma]) -> Iterator[Luma]:
    """Pictures with status OK, marked side left and transducer at the top (docs/frames.md)."""
    mirror = sequence.orientation.startswith("M")
    upside_down = sequence.orientation.endswith("N")
    for picture, ok in zip(pictures, sequence.image_ok, strict=True):
        if ok:
            rows = picture[::-1] if upside_down else picture
            yield np.ascontiguousarray(rows[:, ::-1] if mirror else rows)
