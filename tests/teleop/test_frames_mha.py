"""Tracked sequences: pixels, poses and time stamps are right, and bad bytes are refused."""

import io
import os
import random
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from teleop.drivers import mha
from teleop.drivers.frames.base import (
    NO_SCALE,
    FrameSourceError,
    ImageParameters,
    SourceFormatError,
    SourceMissingError,
)
from teleop.drivers.frames.clip import ClipSource
from teleop.drivers.frames.tracked import open_tracked

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("TELEOP_TEST_DATA", ROOT / "../shared/data")) / "tracked_ultrasound"
WIDTH, HEIGHT, FRAMES = 16, 12, 3
PERIOD_NS = 33_333_333
PIXELS = np.random.default_rng(1).integers(0, 256, (FRAMES, HEIGHT, WIDTH), np.uint8)
IDENTITY = np.eye(4)


def _pose(x_mm: float, quarter_turns: int = 0) -> NDArray[np.float64]:
    turn = np.linalg.matrix_power([[0, -1, 0], [1, 0, 0], [0, 0, 1]], quarter_turns)
    pose = np.eye(4)
    pose[:3, :3], pose[0, 3] = turn, x_mm
    return pose


def _text(pose: NDArray[np.float64]) -> str:
    return " ".join(f"{value:g}" for value in pose.ravel())


def _frame(index: int, pose: str, status: str = "OK", image: str = "OK") -> str:
    key = f"Seq_Frame{index:04d}_"
    return (
        f"{key}ProbeToTrackerTransform = {pose}\n"
        f"{key}ProbeToTrackerTransformStatus = {status}\n"
        f"{key}ReferenceToTrackerTransform = {_text(_pose(100.0, 1))}\n"
        f"{key}ReferenceToTrackerTransformStatus = OK\n"
        f"{key}Timestamp = {10 + index * 0.04:.3f}\n"
        f"{key}ImageStatus = {image}\n"
    )


def _make(
    frames: str | None = None, *, packed: bool = True, orientation: str = "UFA", **changes: str
) -> bytes:
    """A small valid sequence; `changes` replace header fields."""
    fields = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True",
        "CompressedData": str(packed), "DimSize": f"{WIDTH} {HEIGHT} {FRAMES}",
        "ElementSpacing": "1 1 1", "ElementType": "MET_UCHAR",
        "UltrasoundImageOrientation": orientation, **changes,
    }  # fmt: skip
    if frames is None:
        frames = "".join(_frame(i, _text(_pose(10.0 * i))) for i in range(FRAMES))
    head = "".join(f"{key} = {value}\n" for key, value in fields.items())
    data = PIXELS.tobytes()
    return f"{head}{frames}ElementDataFile = LOCAL\n".encode() + (
        zlib.compress(data) if packed else data
    )


def _read(data: bytes) -> tuple[mha.Sequence, list[NDArray[np.uint8]]]:
    file = io.BytesIO(data)
    sequence = mha.read_header(file)
    return sequence, list(mha.pictures(file, sequence))


def _open(tmp_path: Path, data: bytes, target: tuple[int, int] = (WIDTH, HEIGHT)) -> ClipSource:
    path = tmp_path / "clip.igs.mha"
    path.write_bytes(data)
    return open_tracked(path, target)


@pytest.mark.parametrize("packed", [True, False])
def test_pixels_poses_and_time_stamps_are_those_of_the_file(packed: bool) -> None:
    sequence, pictures = _read(_make(packed=packed))
    assert np.array_equal(pictures, PIXELS)
    assert sequence.stamps_s == pytest.approx([10.0, 10.04, 10.08])
    assert set(sequence.tracks) == {"ProbeToTracker", "ReferenceToTracker"}
    probe = sequence.tracks["ProbeToTracker"]
    assert probe.valid.all()
    assert probe.matrices_mm[2] == pytest.approx(_pose(20.0))


def test_a_pose_relative_to_the_reference_is_in_its_axes() -> None:
    relative = _read(_make())[0].relative("ProbeToTracker", "ReferenceToTracker")
    # The reference stands at x = 100 mm and is turned by 90 degrees: tracker -x is its +y.
    assert relative.matrices_mm[1, :3, 3] == pytest.approx([0.0, 90.0, 0.0])
    with pytest.raises(SourceFormatError, match="no transform NeedleToTracker"):
        _read(_make())[0].relative("NeedleToTracker", "ReferenceToTracker")


@pytest.mark.parametrize(
    ("pose", "status"),
    [
        (_text(IDENTITY), "INVALID"),
        (_text(IDENTITY), "MISSING"),
        (_text(IDENTITY), "ok"),
        (_text(np.diag([1.0, 1.0, -1.0, 1.0])), "OK"),
        (_text(np.diag([1.1, 1.0, 1.0, 1.0])), "OK"),
        (_text(np.diag([0.0, 0.0, 0.0, 1.0])), "OK"),
        (_text(IDENTITY * 2.0), "OK"),
        (_text(_pose(float("nan"))), "OK"),
        (_text(_pose(1e9)), "OK"),
    ],
)
def test_what_is_not_surely_a_pose_is_no_pose(pose: str, status: str) -> None:
    frames = _frame(0, _text(IDENTITY)) + _frame(1, pose, status) + _frame(2, _text(IDENTITY))
    sequence, pictures = _read(_make(frames))
    track = sequence.tracks["ProbeToTracker"]
    assert track.valid.tolist() == [True, False, True]
    assert np.isnan(track.matrices_mm[1]).all()
    relative = sequence.relative("ProbeToTracker", "ReferenceToTracker")
    assert relative.valid.tolist() == [True, False, True]
    assert np.isnan(relative.matrices_mm[1]).all()
    assert len(pictures) == FRAMES


def test_a_frame_without_pose_or_stamp_has_none() -> None:
    sequence, _ = _read(_make(_frame(1, _text(IDENTITY))))
    assert sequence.tracks["ProbeToTracker"].valid.tolist() == [False, True, False]
    assert np.isnan(sequence.stamps_s).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        ("UFA", PIXELS[0]),
        ("MFA", PIXELS[0][:, ::-1]),
        ("UN", PIXELS[0][::-1]),
        ("MNA", PIXELS[0][::-1, ::-1]),
    ],
)
def test_pictures_come_with_the_mark_left_and_the_transducer_on_top(
    tmp_path: Path, orientation: str, expected: NDArray[np.uint8]
) -> None:
    frame = _open(tmp_path, _make(orientation=orientation)).next(1, None)
    assert frame is not None
    assert np.array_equal(frame.luma, expected)


def test_a_replay_loops_is_never_live_and_is_stamped_as_it_plays(tmp_path: Path) -> None:
    source = _open(tmp_path, _make())
    assert not source.live
    assert not source.paces_itself
    assert source.nominal_fps == 30.0
    assert len(source) == FRAMES
    played = [source.next(i * PERIOD_NS, None) for i in range(2 * FRAMES + 1)]
    for i, frame in enumerate(played):
        assert frame is not None
        assert frame.acquired_ns == i * PERIOD_NS
        assert np.array_equal(frame.luma, PIXELS[i % FRAMES])


def test_pictures_with_a_bad_status_are_left_out(tmp_path: Path) -> None:
    frames = "".join(_frame(i, _text(IDENTITY), image=s) for i, s in enumerate(("OK", "BAD", "OK")))
    source = _open(tmp_path, _make(frames))
    second = [source.next(0, None), source.next(0, None)][1]
    assert len(source) == 2
    assert second is not None
    assert np.array_equal(second.luma, PIXELS[2])
    none = "".join(_frame(i, _text(IDENTITY), image="BAD") for i in range(FRAMES))
    with pytest.raises(SourceFormatError, match="no usable picture"):
        _open(tmp_path, _make(none))


def test_no_scale_is_claimed(tmp_path: Path) -> None:
    assert _open(tmp_path, _make()).geometry_for(ImageParameters()) == NO_SCALE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "header does not end"),
        (b"\x00" * 5000, "header does not end"),
        (b"\xff\xfe = 1\n", "not text"),
        (b"just words\n", "line 1 is damaged"),
        (_make(NDims="3\nNDims = 3"), "line 3 is damaged"),
        (_make()[:300], "header does not end"),
        (_make()[:-9], "cut off"),
        (_make(packed=False)[:-1], "frame 2 of 3"),
        (_make(packed=False) + b"1", "more pixels"),
        (_make() + b"1", "more pixels"),
        (_make(NDims="2"), "NDims is 2, only 3"),
        (_make(ElementType="MET_USHORT"), "only MET_UCHAR"),
        (_make(ElementNumberOfChannels="3"), "ElementNumberOfChannels is 3"),
        (_make(CompressedData="yes"), "True or False"),
        (_make(DimSize="16 12"), "three numbers"),
        (_make(DimSize="16 12 -3"), "three numbers"),
        (_make(DimSize="0 12 3"), "at most 4096"),
        (_make(DimSize="5000 12 3"), "at most 4096"),
        (_make(DimSize="4096 4096 4000"), "2 GiB"),
        (_make(DimSize="16 12 4"), "cut off"),
        (_make(orientation="XYZ"), "XYZ is not supported"),
        (_make(_frame(7, _text(IDENTITY))), "no such frame"),
        (_make(_frame(0, "1 2 3")), "must be 16 numbers"),
        (_make(_frame(0, "1_0 " + _text(IDENTITY)[2:])), "must be 16 numbers"),
        (_make("Seq_Frame0000_Timestamp = soon\n"), "must be 1 numbers"),
        (_make("Seq_Frame0000_Timestamp = inf\n"), "is not a number"),
        (_make("Seq_Frame0000_A = 1\nSeq_Frame00000_A = 1\n"), "named twice"),
        (_make().replace(b"LOCAL", b"other.raw"), "pixels inside"),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SourceFormatError, match=words) as caught:
        _open(tmp_path, data)
    assert "clip.igs.mha" in str(caught.value)


def test_missing_files_and_directories_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.igs.mha", tmp_path):
        with pytest.raises(SourceMissingError, match=path.name):
            open_tracked(path, (WIDTH, HEIGHT))
        with pytest.raises(SourceMissingError, match=path.name):
            mha.read(path)


def test_a_small_file_cannot_unpack_into_all_memory(tmp_path: Path) -> None:
    head = _make().partition(b"LOCAL\n")[0] + b"LOCAL\n"
    bomb = head + zlib.compress(bytes(200 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(SourceFormatError, match="more pixels"):
            _open(tmp_path, bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_header_without_end_is_not_read_for_ever() -> None:
    class Endless(io.BytesIO):
        count = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.count += 1
            return b"key%d = %s\n" % (self.count, b"x" * 900)

    with pytest.raises(SourceFormatError, match="header does not end"):
        mha.read_header(Endless())


def _mutated(rng: random.Random, valid: bytes) -> bytes:
    """One to four edits: bytes, slices, numbers and lines, mostly in the header."""
    data = bytearray(valid)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(max(1, len(data)))
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.choice((1, 5, 100, 10_000))]
            case 2:
                data[at:at] = rng.randbytes(rng.randint(1, 20))
            case 3:
                data[at:at] = rng.choice((b"\n", b"=", b"-", b"9", b"nan ", b"1e999 ", b"0000000"))
            case 4:
                lines = bytes(data).split(b"\n")
                lines.insert(rng.randrange(len(lines)), rng.choice(lines))
                data = bytearray(b"\n".join(lines))
            case _:
                data = bytearray(rng.choice((bytes(data[:at]), bytes(data[at:]))))
    return bytes(data)


def test_bad_files_are_refused_or_read_whole_but_never_crash(tmp_path: Path) -> None:
    rng = random.Random(2)
    valid = (_make(), _make(packed=False), _make(orientation="MNA"))
    said: list[str] = []
    for number in range(2000):
        data = _mutated(rng, valid[number % 3])
        try:
            source = _open(tmp_path, data)
        except FrameSourceError as error:
            said.append(str(error))
        else:
            frame = source.next(1, None)
            assert frame is not None
            assert frame.luma.shape == (HEIGHT, WIDTH)
    assert len(said) > 1000
    assert all(10 < len(words) < 300 for words in said)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    rng = random.Random(3)
    for _ in range(500):
        with pytest.raises(FrameSourceError):
            _open(tmp_path, rng.randbytes(rng.randrange(400)))


@pytest.mark.parametrize(
    ("name", "frames", "span_s", "path_mm"),
    [
        ("SpinePhantomFreehand", 21, 1.84, 34.0),
        ("BoneUltrasound_L14", 21, 1.72, 9.0),
        ("NwirePhantomFreehand", 97, 10.16, 31.0),
    ],
)
def test_recorded_sequences(name: str, frames: int, span_s: float, path_mm: float) -> None:
    path = DATA / f"{name}.igs.mha"
    if not path.exists():
        pytest.skip(f"{path} is missing: recorded data is not part of the project")
    sequence = mha.read(path)
    probe = sequence.tracks["ProbeToTracker"]
    assert (sequence.width, sequence.height, sequence.frames) == (820, 616, frames)
    assert probe.valid.all()
    assert sequence.stamps_s[-1] - sequence.stamps_s[0] == pytest.approx(span_s, abs=0.01)
    steps_mm = np.linalg.norm(np.diff(probe.matrices_mm[:, :3, 3], axis=0), axis=1)
    assert steps_mm.sum() == pytest.approx(path_mm, abs=1.0)
    source = open_tracked(path, (640, 480))
    frame = source.next(5, None)
    assert len(source) == frames
    assert frame is not None
    assert frame.luma.shape == (480, 640)
    assert frame.luma.max() > 100
