"""DICOM clips through pydicom. Only pixels and scale are read: no name, no date, no number.

pydicom is lenient and decodes what it is told to, so what could unpack into all memory is checked
first: the transfer syntax (a deflated data set unpacks while it is parsed), the declared size, and
the size inside each compressed picture.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filereader import read_file_meta_info
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels

from teleop.drivers.frames.base import FrameSourceError, SourceFormatError, SourceMissingError
from teleop.drivers.frames.clip import ClipSource, Luma, gather
from teleop.drivers.frames.region import Region, trusted

FILE_MAX_BYTES = 512 << 20
SIDE_MAX_PX = 4096
FRAMES_MAX = 5000
DECODED_MAX_BYTES = 4 << 30
RLE_FRAME_MAX_BYTES = 16 << 20
"""Of one packed picture: a pair of bytes unpacks to at most 128, so this to at most 1 GiB."""

RAW = (uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian)
IN_PILLOW = (uid.JPEGBaseline8Bit, uid.JPEG2000Lossless, uid.JPEG2000)
SYNTAXES = (*RAW, *IN_PILLOW, uid.RLELossless)
GREY = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def open_dicom(path: Path, target: tuple[int, int], name: str = "") -> ClipSource:
    """Load a clip; with a trusted region only that part is shown, in its scale.

    Raises:
        SourceMissingError: the file is not there or may not be read.
        SourceFormatError: not DICOM, not supported, damaged or too large.
    """
    name = name or path.name
    try:
        with path.open("rb"):  # says what is wrong with the file itself
            pass
    except OSError as error:
        raise SourceMissingError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on values that do not concern the picture
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            dataset = _parse(path)
            region = _checked(dataset)
            scale = None if region is None else region.mm_per_px
            return gather(name, _lumas(dataset, region), target, scale)
    except FrameSourceError as error:
        raise SourceFormatError(f"{name}: {error}") from error
    except Exception as error:  # damaged bytes make pydicom and its decoders raise nearly anything
        raise SourceFormatError(
            f"{name}: not a usable DICOM clip ({type(error).__name__}: {str(error)[:120]}); "
            "check that it opens in a DICOM viewer, or copy it again"
        ) from error


def _parse(path: Path) -> Dataset:
    if path.stat().st_size > FILE_MAX_BYTES:
        raise SourceFormatError(f"larger than {FILE_MAX_BYTES >> 20} MiB; cut the clip")
    syntax = read_file_meta_info(path).TransferSyntaxUID
    if syntax not in SYNTAXES:
        raise SourceFormatError(
            f"its compression ({str(syntax.name)[:60]}) is not supported; convert it to explicit "
            "VR little endian"
        )
    return dcmread(path)


def _checked(dataset: Dataset) -> Region | None:
    """Refuse what is no bounded 8 or 16 bit picture; return the trusted region."""
    width, height = int(dataset.Columns), int(dataset.Rows)
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples, bits = int(dataset.SamplesPerPixel), int(dataset.BitsAllocated)
    if not (0 < width <= SIDE_MAX_PX and 0 < height <= SIDE_MAX_PX and 0 < frames <= FRAMES_MAX):
        raise SourceFormatError(
            f"{width} x {height}, {frames} frames: at most {SIDE_MAX_PX} x {SIDE_MAX_PX} pixels "
            f"and {FRAMES_MAX} frames"
        )
    photometric = dataset.PhotometricInterpretation
    wanted = 3 if photometric in COLOURS else 1
    if photometric not in (*GREY, *COLOURS, "PALETTE COLOR") or samples != wanted:
        raise SourceFormatError(
            f"{str(photometric)[:40]} with {samples} samples per pixel is not supported"
        )
    if bits not in (8, 16) or not 1 <= int(dataset.BitsStored) <= bits:
        raise SourceFormatError(f"{bits} bits per sample are not supported: 8 or 16 are")
    if width * height * samples * bits // 8 * frames > DECODED_MAX_BYTES:
        raise SourceFormatError("more than 4 GiB of pixels; cut the clip")
    if dataset.file_meta.TransferSyntaxUID in IN_PILLOW:
        _check_compressed(dataset, (width, height), frames)
    if dataset.file_meta.TransferSyntaxUID == uid.RLELossless:
        _check_run_lengths(dataset, width * height * samples * bits // 8, frames)
    return trusted(dataset, width, height)


def _check_compressed(dataset: Dataset, size: tuple[int, int], frames: int) -> None:
    """Each compressed picture says the size that the data set says (only headers are read)."""
    count = 0
    for data in generate_frames(dataset.PixelData, number_of_frames=frames):
        with Image.open(io.BytesIO(data), formats=("JPEG", "JPEG2000")) as picture:
            if picture.size != size:
                raise SourceFormatError(f"frame {count} is not as large as the file says")
        count += 1
    if count != frames:
        raise SourceFormatError(f"{count} frames of {frames}: the file is cut off; copy it again")


def _check_run_lengths(dataset: Dataset, picture_bytes: int, frames: int) -> None:
    """No packed picture is much larger than its pixels: pydicom unpacks all that is there."""
    most = min(2 * picture_bytes + 1024, RLE_FRAME_MAX_BYTES)
    for index, data in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames)):
        if len(data) > most:
            raise SourceFormatError(f"frame {index} is packed into {len(data)} bytes: damaged")


def _lumas(dataset: Dataset, region: Region | None) -> Iterator[Luma]:
    for pixels in iter_pixels(dataset):
        luma = _luma(pixels, dataset)
        if region is not None:
            luma = luma[region.top : region.bottom, region.left : region.right]
        yield np.ascontiguousarray(luma)


def _luma(pixels: NDArray[np.generic], dataset: Dataset) -> Luma:
    """0..255, bright is strong echo."""
    bits, signed = int(dataset.BitsStored), bool(dataset.get("PixelRepresentation"))
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
        bits, signed = pixels.dtype.itemsize * 8, False
    values = _to_bytes(pixels, bits, signed)
    if values.ndim == 3:
        return np.asarray(cv2.cvtColor(values, cv2.COLOR_RGB2GRAY), np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":  # 0 is white
        return np.asarray(255 - values, np.uint8)
    return values


def _to_bytes(pixels: NDArray[np.generic], bits: int, signed: bool) -> Luma:
    """The stored range, whatever its width and sign, onto 0..255."""
    if bits == 8 and pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    lowest = -(1 << (bits - 1)) if signed else 0
    scaled = (pixels.astype(np.float32) - lowest) * (255.0 / ((1 << bits) - 1))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)
