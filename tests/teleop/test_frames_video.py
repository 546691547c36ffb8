"""Video files, image folders, cameras, the letterbox, and the table of sources."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from teleop.config import parse
from teleop.drivers.frames import camera, clip, fit
from teleop.drivers.frames.base import (
    NO_SCALE,
    Frame,
    FrameSource,
    FrameSourceError,
    ImageParameters,
    SourceFormatError,
    SourceLostError,
    SourceMissingError,
)
from teleop.drivers.frames.registry import kind_of, open_source
from teleop.drivers.frames.video import VideoFile, open_folder

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
GREYS = (20, 70, 120, 170, 220)
PERIOD_NS = 33_333_333


def _flat(grey: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.full((size[1], size[0]), grey, np.uint8)


def _video(path: Path, codec: str = "libx264", rate: int = 10, pix_fmt: str = "yuv420p") -> Path:
    """One flat picture per grey value; full-range luma, limited range as usual in the file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = Fraction(1, rate)
        for index, grey in enumerate(GREYS):
            frame = av.VideoFrame.from_ndarray(_flat(grey), format="gray").reformat(format=pix_fmt)
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _play(source: FrameSource, count: int) -> list[Frame]:
    frames = [source.next(i * PERIOD_NS, None) for i in range(count)]
    return [frame for frame in frames if frame is not None]


def _greys(frames: list[Frame]) -> list[float]:
    return [float(np.median(frame.luma)) for frame in frames]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("b.avi", "mpeg4")])
def test_a_video_loops_and_each_call_gives_the_next_picture(
    tmp_path: Path, name: str, codec: str
) -> None:
    source = VideoFile(_video(tmp_path / name, codec), SIZE)
    frames = _play(source, 3 * len(GREYS) + 1)
    assert _greys(frames) == pytest.approx([*GREYS * 3, GREYS[0]], abs=3)
    assert [frame.acquired_ns for frame in frames] == [i * PERIOD_NS for i in range(16)]
    assert all(frame.luma.shape == (48, 64) for frame in frames)
    source.close()


def test_a_video_is_a_replay_at_30_pictures_per_second_whatever_its_own_rate(
    tmp_path: Path,
) -> None:
    source: FrameSource = VideoFile(_video(tmp_path / "slow.mp4", rate=5), SIZE)
    assert not source.live
    assert not source.paces_itself
    assert source.nominal_fps == 30.0
    assert source.geometry_for(ImageParameters()) == NO_SCALE
    source.close()


def test_a_video_is_letterboxed_into_the_configured_size(tmp_path: Path) -> None:
    frame = VideoFile(_video(tmp_path / "a.mp4"), (160, 48)).next(1, None)
    assert frame is not None
    assert frame.luma.shape == (48, 160)
    assert (frame.luma[:, :48] == 0).all()
    assert (frame.luma[:, 112:] == 0).all()
    assert frame.luma[:, 48:112].mean() == pytest.approx(GREYS[0], abs=3)


def test_a_damaged_video_plays_what_is_whole_and_says_so_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = _video(tmp_path / "a.avi", "png", pix_fmt="gray")
    data = bytearray(path.read_bytes())
    at = [match.start() for match in re.finditer(b"\x89PNG", data)]
    assert len(at) == len(GREYS)
    data[at[2] : at[2] + 40] = bytes(40)
    path.write_bytes(data)
    source = VideoFile(path, SIZE)
    assert _greys(_play(source, 8)) == [GREYS[0], GREYS[1]] * 4
    assert capfd.readouterr().err.count("a.avi: damaged after 2 pictures") == 1


def test_a_video_that_goes_away_while_it_loops_is_said(tmp_path: Path) -> None:
    path = _video(tmp_path / "a.mp4")
    source = VideoFile(path, SIZE)
    path.unlink()
    with pytest.raises(FrameSourceError, match=r"a\.mp4: cannot be read"):
        _play(source, 2 * len(GREYS))


def _bomb(path: Path) -> None:
    Image.new("L", (8192, 8192)).save(path)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("empty.mp4", lambda path: path.write_bytes(b""), "not a video or image"),
        ("noise.mp4", lambda path: path.write_bytes(bytes(range(256)) * 40), "not a video"),
        ("cut.mp4", lambda path: path.write_bytes(_video(path).read_bytes()[:500]), "cut.mp4"),
        ("bomb.png", _bomb, "larger than 4096 pixels"),
        ("bomb.jpg", _bomb, "larger than 4096 pixels"),
        ("list.m3u8", lambda path: path.write_text("#EXTM3U\n#EXTINF:1,\na.mp4\n"), "list.m3u8"),
        ("list.mp4", lambda path: path.write_text("ffconcat version 1.0\nfile a.mp4\n"), "not a"),
        ("folder.mp4", lambda path: path.mkdir(), "not a video"),
    ],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, name: str, write: Callable[[Path], object], words: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(SourceFormatError, match=words):
        VideoFile(tmp_path / name, SIZE)


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match=r"none\.mp4: cannot be read"):
        VideoFile(tmp_path / "none.mp4", SIZE)


def test_a_folder_plays_its_images_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, grey in ((10, 220), (2, 120), (1, 20)):
        Image.fromarray(_flat(grey)).save(tmp_path / f"image{number}.png")
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_folder(tmp_path, SIZE)
    assert _greys(_play(source, 4)) == [20, 120, 220, 20]
    assert not source.live
    assert source.nominal_fps == 30.0


def test_a_folder_may_mix_kinds_and_sizes_of_images(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (100, 100, 100)).save(tmp_path / "1.png")
    Image.new("L", (32, 24), 100).save(tmp_path / "2.jpg")
    Image.new("L", (128, 96), 100).save(tmp_path / "3.bmp")
    assert _greys(_play(open_folder(tmp_path, SIZE), 3)) == pytest.approx([100] * 3, abs=2)


def test_a_folder_without_usable_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceMissingError, match="none: cannot be read"):
        open_folder(tmp_path / "none", SIZE)
    with pytest.raises(SourceFormatError, match="0 images in it"):
        open_folder(tmp_path, SIZE)
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(SourceFormatError, match=r"1\.png"):
        open_folder(tmp_path, SIZE)
    _bomb(tmp_path / "1.png")
    with pytest.raises(SourceFormatError, match=r"1\.png: larger than 4096 pixels"):
        open_folder(tmp_path, SIZE)


def test_more_pictures_than_memory_should_hold_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clip, "CLIP_MAX_BYTES", 4 * SIZE[0] * SIZE[1])
    assert len(clip.gather("clip", (_flat(1) for _ in range(4)), SIZE, None)) == 4
    with pytest.raises(SourceFormatError, match="more than 4 pictures"):
        clip.gather("clip", (_flat(1) for _ in range(5)), SIZE, None)


@pytest.mark.parametrize(
    ("source", "scale", "inner", "mm_per_px"),
    [
        ((640, 480), (0.2, 0.2), (640, 480), 0.2),
        ((320, 240), (0.2, 0.2), (640, 480), 0.1),
        ((480, 480), (0.2, 0.2), (480, 480), 0.2),
        ((1280, 480), (0.2, 0.2), (640, 240), 0.4),
        ((320, 480), (0.4, 0.2), (640, 480), 0.2),  # pixels twice as wide as high
    ],
)
def test_a_letterbox_keeps_millimetres_square(
    source: tuple[int, int], scale: tuple[float, float], inner: tuple[int, int], mm_per_px: float
) -> None:
    plan = fit.plan(source, (640, 480), scale)
    assert (plan.inner_width, plan.inner_height) == inner
    assert plan.left == (640 - inner[0]) // 2
    assert plan.top == (480 - inner[1]) // 2
    assert plan.geometry.mm_per_px == pytest.approx(mm_per_px)
    assert plan.geometry.depth_m == pytest.approx(source[1] * scale[1] / 1000)
    out = fit.apply(plan, _flat(200, source))
    assert out.shape == (480, 640)
    assert out.sum() == 200 * inner[0] * inner[1]


class Grabber:
    """A device that gives a picture each time it is told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.greys: list[int] = []
        self.go = threading.Semaphore(0)
        self.taken = threading.Semaphore(0)
        self.failure = failure

    def read(self) -> Iterator[NDArray[np.uint8]]:
        while True:
            self.go.acquire()
            if not self.greys:
                break
            yield _flat(self.greys.pop(0))
            self.taken.release()
        if self.failure:
            raise self.failure

    def give(self, *greys: int) -> None:
        """Give pictures and wait until all of them were taken."""
        for grey in greys:
            self.greys.append(grey)
            self.go.release()
            assert self.taken.acquire(timeout=240)

    def end(self) -> None:
        self.go.release()


def test_a_camera_gives_the_newest_picture_once_and_never_an_old_one() -> None:
    grabber = Grabber()
    source: FrameSource = camera.Camera("cam", grabber.read, SIZE, 60.0)
    assert source.live
    assert source.paces_itself
    assert source.geometry_for(ImageParameters()) == NO_SCALE
    grabber.give(10, 20, 30)
    before = source.next(0, None)
    assert before is not None
    assert _greys([before]) == [30]
    assert source.next(0, None) is None
    grabber.give(40)
    after = source.next(0, None)
    assert after is not None
    assert _greys([after]) == [40]
    assert after.acquired_ns > before.acquired_ns > 0
    grabber.end()
    source.close()


@pytest.mark.parametrize("failure", [None, OSError("unplugged"), ValueError("damaged")])
def test_a_camera_that_ends_is_lost(failure: Exception | None) -> None:
    grabber = Grabber(failure)
    source = camera.Camera("cam", grabber.read, SIZE, 60.0)
    grabber.end()
    with pytest.raises(SourceLostError, match="check its cable"):
        _play(source, 100)  # each call waits up to 100 ms for the reading thread
    source.close()


def test_a_silent_camera_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "SILENT_S", 0.0)
    grabber = Grabber()
    source = camera.Camera("cam", grabber.read, SIZE, 60.0)
    with pytest.raises(SourceLostError, match="is its input connected"):
        source.next(0, None)
    grabber.end()
    source.close()


def test_a_device_that_is_not_there_or_no_camera_is_said(tmp_path: Path) -> None:
    for path in (Path("/dev/video-none"), tmp_path):
        with pytest.raises(SourceMissingError, match="no such video device"):
            camera.open_v4l2(path, SIZE, 30)
    with pytest.raises(SourceMissingError, match="cannot be opened"):
        camera.open_v4l2(Path("/dev/null"), SIZE, 30)


@pytest.mark.parametrize(
    ("source", "kind", "live"),
    [
        ("sim", "sim", True),
        ("sample", "sample", False),
        ("/dev/video0", "v4l2", True),
        ("a.mp4", "video", False),
        ("a.IGS.MHA", "tracked", False),
        ("a.DCM", "dicom", False),
    ],
)
def test_the_name_says_the_kind(source: str, kind: str, live: bool) -> None:
    assert (kind_of(source).name, kind_of(source).live) == (kind, live)


@pytest.mark.parametrize("source", ["", "camera", "x" * 5000, "a\\u0000.mha", "/dev/video-none"])
def test_a_source_that_does_not_exist_is_a_clear_error(source: str) -> None:
    with pytest.raises(SourceMissingError, match=r"is not known: use sim|no such video device"):
        open_source(parse(f'[video]\nsource = "{source}"\n'))


def test_configured_files_and_folders_open(tmp_path: Path) -> None:
    video = _video(tmp_path / "a.mp4")
    folder = tmp_path / "images.mha"  # a folder, whatever its name looks like
    folder.mkdir()
    Image.fromarray(_flat(50)).save(folder / "1.png")
    for path in (video, folder):
        source = open_source(parse(f'[video]\nsource = "{path}"\n'))
        frame = source.next(1, None)
        assert frame is not None
        assert frame.luma.shape == (480, 640)
        source.close()


def test_the_example_of_an_own_source_runs_and_is_short() -> None:
    example = ROOT / "examples" / "own_frame_source.py"
    assert len(example.read_text("utf-8").splitlines()) < 60
    done = subprocess.run(
        [sys.executable, str(example)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5
    assert lines[0] == "0.0 s: brightest 200 at 0.0 mm"
    assert lines[-1] == "0.8 s: brightest 200 at 16.0 mm"
