"""DICOM clips: right pixels and scale, and damaged or hostile files are refused in time."""

import io
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom.examples
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from teleop.config import parse
from teleop.drivers.frames import dicom
from teleop.drivers.frames.base import (
    NO_SCALE,
    FrameSourceError,
    ImageParameters,
    SourceFormatError,
    SourceMissingError,
)
from teleop.drivers.frames.clip import ClipSource
from teleop.drivers.frames.registry import kind_of, open_source

WIDTH, HEIGHT = 32, 24
PERIOD_NS = 33_333_333
GREY = np.random.default_rng(4).integers(0, 256, (2, HEIGHT, WIDTH), np.uint8)


def _dataset(pixels: NDArray[np.generic] = GREY, photometric: str = "MONOCHROME2") -> Dataset:
    """A multi-frame clip: frames x height x width, or with three samples at the end."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = uid.UltrasoundMultiFrameImageStorage, "1.2.3"
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape[:3]
    ds.SamplesPerPixel = 3 if pixels.ndim == 4 else 1
    if pixels.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = photometric
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
    return ds


def _bytes(ds: Dataset) -> bytes:
    file = io.BytesIO()
    ds.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _open(
    tmp_path: Path, clip: Dataset | bytes, target: tuple[int, int] = (WIDTH, HEIGHT)
) -> ClipSource:
    path = tmp_path / "clip.dcm"
    path.write_bytes(clip if isinstance(clip, bytes) else _bytes(clip))
    return dicom.open_dicom(path, target)


def _first(source: ClipSource) -> NDArray[np.uint8]:
    frame = source.next(1, None)
    assert frame is not None
    return frame.luma


def _region(**changes: object) -> Dataset:
    """X 4..27, y 2..21 (inclusive), 0.5 mm per pixel."""
    item = Dataset()
    values = {
        "RegionDataType": 1, "RegionSpatialFormat": 1, "RegionFlags": 0,
        "RegionLocationMinX0": 4, "RegionLocationMinY0": 2, "RegionLocationMaxX1": 27,
        "RegionLocationMaxY1": 21, "PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3,
        "PhysicalDeltaX": 0.05, "PhysicalDeltaY": 0.05, **changes,
    }  # fmt: skip
    for name, value in values.items():
        setattr(item, name, value)
    return item


def test_a_replay_has_the_pixels_loops_and_is_never_live(tmp_path: Path) -> None:
    source = _open(tmp_path, _dataset())
    assert not source.live
    assert not source.paces_itself
    assert source.nominal_fps == 30.0
    for i in range(5):
        frame = source.next(i * PERIOD_NS, None)
        assert frame is not None
        assert frame.acquired_ns == i * PERIOD_NS
        assert np.array_equal(frame.luma, GREY[i % 2])


def test_a_bright_echo_is_bright_in_every_grey_encoding(tmp_path: Path) -> None:
    assert np.array_equal(_first(_open(tmp_path, _dataset(GREY, "MONOCHROME1"))), 255 - GREY[0])
    wide = GREY.astype(np.uint16) * 257
    assert np.array_equal(_first(_open(tmp_path, _dataset(wide))), GREY[0])
    signed = (wide.astype(np.int32) - 32768).astype(np.int16)
    assert np.array_equal(_first(_open(tmp_path, _dataset(signed))), GREY[0])
    twelve_bits = _dataset(GREY.astype(np.uint16) * 16)
    twelve_bits.BitsStored, twelve_bits.HighBit = 12, 11
    assert _first(_open(tmp_path, twelve_bits)) == pytest.approx(GREY[0], abs=1)


def test_colours_become_their_luma(tmp_path: Path) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (1, HEIGHT, WIDTH, 3), np.uint8)
    luma = rgb[0] @ (0.299, 0.587, 0.114)
    assert _first(_open(tmp_path, _dataset(rgb, "RGB"))) == pytest.approx(luma, abs=1)
    ybr = rgb.copy()
    ybr[..., 1:] = 128  # no colour: Y is the luma
    assert _first(_open(tmp_path, _dataset(ybr, "YBR_FULL"))) == pytest.approx(
        ybr[0, ..., 0], abs=1
    )


@pytest.mark.parametrize("signed", [0, 1])
def test_a_palette_is_looked_up(tmp_path: Path, signed: int) -> None:
    ds = _dataset((GREY[:1] % 100), "PALETTE COLOR")
    ds.PixelRepresentation = signed
    table = (np.arange(256, dtype="<u2") * 2 % 256) * 257
    for colour in ("Red", "Green", "Blue"):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(ds, f"{colour}PaletteColorLookupTableData", table.tobytes())
    assert np.array_equal(_first(_open(tmp_path, ds)), GREY[0] % 100 * 2)


def _mean_of_test_file(name: str) -> float:
    path = Path(str(get_testdata_file(name)))
    return float(_first(dicom.open_dicom(path, (100, 100))).mean())


def test_every_supported_compression_gives_the_same_picture() -> None:
    names = (
        "SC_rgb_rle_2frame.dcm", "SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_dcmtk.dcm",
    )  # fmt: skip
    means = [_mean_of_test_file(name) for name in names]
    assert means == pytest.approx([means[0]] * len(means), abs=1.0)


def test_big_endian_is_the_same_picture_as_little_endian() -> None:
    for big, little in (
        ("SC_rgb_small_odd_big_endian.dcm", "SC_rgb_small_odd.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
    ):
        a, b = (
            _first(dicom.open_dicom(Path(str(get_testdata_file(name))), (64, 64)))
            for name in (big, little)
        )
        assert a.std() > 1
        assert np.array_equal(a, b)


def test_the_samples_inside_pydicom_play() -> None:
    for name, frames in (("ybr_color", 30), ("rgb_color", 1), ("palette_color", 1), ("jpeg2k", 1)):
        source = dicom.open_dicom(Path(str(pydicom.examples.get_path(name))), (640, 480))
        luma = _first(source)
        assert len(source) == frames
        assert luma.shape == (480, 640)
        assert luma.max() > 150
        assert np.median(luma) < 100


def test_the_built_in_sample_is_a_replay_without_scale() -> None:
    """Its region box ends at x = 595 in a picture of 320: its scale must not be believed."""
    source = open_source(parse('[video]\nsource = "sample"\n'))
    assert source.name == "sample"
    assert not source.live
    assert source.geometry_for(ImageParameters()) == NO_SCALE


def test_a_region_inside_the_picture_gives_part_and_scale(tmp_path: Path) -> None:
    ds = _dataset()
    ds.SequenceOfUltrasoundRegions = [_region()]
    source = _open(tmp_path, ds, (48, 40))  # twice the size of the region
    geometry = source.geometry_for(ImageParameters())
    assert geometry.mm_per_px == pytest.approx(0.25)
    assert geometry.depth_m == pytest.approx(0.010)
    assert (geometry.apex_x_px, geometry.apex_y_px) == (0.0, 0.0)
    assert np.array_equal(_first(_open(tmp_path, ds, (24, 20))), GREY[0][2:22, 4:28])


@pytest.mark.parametrize(
    "changes",
    [
        {"RegionLocationMaxX1": WIDTH},
        {"RegionLocationMaxY1": HEIGHT},
        {"RegionLocationMinX0": 27},
        {"RegionLocationMaxY1": 0xFFFFFFFF},
        {"PhysicalUnitsXDirection": 4},
        {"PhysicalDeltaX": 0.0},
        {"PhysicalDeltaX": float("nan")},
        {"PhysicalDeltaY": 1e9},
        {"RegionDataType": 3},
        {"RegionSpatialFormat": 2},
    ],
)
def test_a_region_that_cannot_be_right_gives_no_scale(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    ds = _dataset()
    ds.SequenceOfUltrasoundRegions = [_region(**changes)]
    source = _open(tmp_path, ds)
    assert source.geometry_for(ImageParameters()) == NO_SCALE
    assert np.array_equal(_first(source), GREY[0])


def test_of_two_tissue_regions_none_is_chosen(tmp_path: Path) -> None:
    ds = _dataset()
    ds.SequenceOfUltrasoundRegions = [_region(), _region(PhysicalDeltaX=0.1)]
    assert _open(tmp_path, ds).geometry_for(ImageParameters()) == NO_SCALE


def test_missing_files_and_directories_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.dcm", tmp_path):
        with pytest.raises(SourceMissingError, match=path.name):
            dicom.open_dicom(path, (WIDTH, HEIGHT))


def _changed(**changes: object) -> bytes:
    ds = _dataset()
    for name, value in changes.items():
        setattr(ds, name, value)
    return _bytes(ds)


def _jpeg(size: tuple[int, int], frames: int = 1) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, 90).save(file, "JPEG")
    ds = _dataset(GREY[:1])
    ds.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    ds.NumberOfFrames = frames
    ds.PixelData = encapsulate([file.getvalue()])
    return _bytes(ds)


def _rle(packed: bytes) -> bytes:
    ds = _dataset(GREY[:1])
    ds.file_meta.TransferSyntaxUID = uid.RLELossless
    header = np.array([1, 64] + [0] * 14, "<u4").tobytes()
    ds.PixelData = encapsulate([header + packed])
    return _bytes(ds)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a usable DICOM clip"),
        (b"\x00" * 4000, "not a usable DICOM clip"),
        (_bytes(_dataset())[:200], "not a usable DICOM clip"),
        (_bytes(_dataset())[:-10], "not a usable DICOM clip"),
        (_changed(Rows=5000), "at most 4096 x 4096"),
        (_changed(Columns=0), "at most 4096 x 4096"),
        (_changed(NumberOfFrames=10**6), "5000 frames"),
        (_changed(NumberOfFrames=-1), "5000 frames"),
        (_changed(Rows=4096, Columns=4096, NumberOfFrames=4000), "4 GiB"),
        (_changed(BitsAllocated=32, BitsStored=32), "32 bits"),
        (_changed(BitsStored=9), "bits per sample"),
        (_changed(SamplesPerPixel=3), "3 samples per pixel"),
        (_changed(PhotometricInterpretation="CMYK"), "CMYK with 1 samples"),
        (_jpeg((4000, 4000)), "not as large as the file says"),
        (_jpeg((WIDTH, HEIGHT), frames=3), "frames"),
        (_rle(bytes([129, 7]) * 20_000), "packed into"),
    ],
)
def test_each_kind_of_damage_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SourceFormatError, match=words) as caught:
        _open(tmp_path, data)
    assert "clip.dcm" in str(caught.value)


def test_run_lengths_within_bounds_are_unpacked(tmp_path: Path) -> None:
    assert (_first(_open(tmp_path, _rle(bytes([129, 7]) * 6))) == 7).all()


def test_a_deflated_data_set_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    ds = _dataset()
    ds.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    ds.PixelData = bytes(64 << 20)
    data = _bytes(ds)
    assert len(data) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(SourceFormatError, match="Deflated"):
            _open(tmp_path, data)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_is_no_picture_is_refused() -> None:
    for name in ("rtplan.dcm", "waveform_ecg.dcm", "JPGExtended.dcm", "MR_truncated.dcm"):
        with pytest.raises(SourceFormatError, match=name):
            dicom.open_dicom(Path(str(get_testdata_file(name))), (WIDTH, HEIGHT))


def test_a_clip_without_extension_is_found_by_its_letters(tmp_path: Path) -> None:
    path = tmp_path / "IM0001"
    path.write_bytes(_bytes(_dataset()))
    assert kind_of(str(path)).name == "dicom"


def test_no_identity_leaves_the_file(tmp_path: Path) -> None:
    """Errors and names show nothing of who was examined."""
    ds = _dataset()
    ds.PatientName, ds.PatientID = "Doe^Jane", "4711"
    assert _open(tmp_path, ds).name == "clip.dcm"
    ds.BitsStored = 9
    with pytest.raises(SourceFormatError) as caught:
        _open(tmp_path, ds)
    assert "Doe" not in str(caught.value)
    assert "4711" not in str(caught.value)


def _valid() -> list[bytes]:
    """Small clips of all kinds, parsed once."""
    with_region = _dataset()
    with_region.SequenceOfUltrasoundRegions = [_region()]
    implicit = _dataset()
    implicit.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    colour = _dataset(np.repeat(GREY[..., None], 3, 3), "YBR_FULL")
    return [
        _bytes(with_region), _bytes(implicit), _bytes(colour), _jpeg((WIDTH, HEIGHT)),
        _rle(bytes([129, 7]) * 6),
    ]  # fmt: skip


def _mutated(rng: random.Random, valid: bytes) -> bytes:
    """One to four edits, mostly where the lengths and sizes stand (before the pixels)."""
    data = bytearray(valid)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(128, max(129, min(len(data), rng.choice((400, 700, len(data))))))
        match rng.randrange(5):
            case 0 | 1:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                data[at : at + 2] = rng.choice((b"\xff\xff", b"\x00\x00", b"\x00\x80"))
            case 3:
                del data[at : at + rng.choice((1, 2, 8, 100, 10_000))]
            case _:
                data[at:at] = rng.randbytes(rng.randint(1, 20))
    return bytes(data)


def test_bad_files_are_refused_or_read_but_never_crash(tmp_path: Path) -> None:
    rng = random.Random(6)
    valid = _valid()
    for clip in valid:
        _open(tmp_path, clip)
    said: list[str] = []
    for number in range(2000):
        try:
            source = _open(tmp_path, _mutated(rng, valid[number % len(valid)]))
        except FrameSourceError as error:
            said.append(str(error))
        else:
            assert _first(source).shape == (HEIGHT, WIDTH)
    assert len(said) > 1000
    assert all(10 < len(words) < 400 for words in said)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(300):
        body = rng.randbytes(rng.randrange(600))
        with pytest.raises(FrameSourceError):
            _open(tmp_path, rng.choice((b"", bytes(128) + b"DICM")) + body)


def test_the_samples_are_read_unchanged() -> None:
    """Guards the tests themselves: pydicom still ships the clip with the wrong region box."""
    ds = dcmread(pydicom.examples.get_path("ybr_color"))
    assert ds.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 >= ds.Columns
