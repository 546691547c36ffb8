"""The expert's eyes: the mark survives a real encoder, and the picture's change is seen."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from teleop.media import mark
from teleop.scripted.eyes import Eyes
from transport.webrtc.receive import Picture, low_delay_decoder


def _speckle(seed: int, shade: int = 90) -> NDArray[np.uint8]:
    """Rayleigh speckle in the lower part, black above, as a convex picture has it."""
    rng = np.random.default_rng(seed)
    picture = np.clip(rng.rayleigh(shade * 0.7, (480, 640)), 0, 255).astype(np.uint8)
    picture[:80] = 0
    return picture


def _decoded(pictures: list[NDArray[np.uint8]], kbps: int) -> list[av.VideoFrame]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 640, 480, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, 30), kbps * 1000
    vbv = f"vbv-maxrate={kbps}:vbv-bufsize={kbps // 15}"
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": vbv}
    decoder = low_delay_decoder()
    out: list[av.VideoFrame] = []
    for i, luma in enumerate(pictures):
        chroma = np.full((240, 640), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), "yuv420p")
        frame.pts = i
        for packet in encoder.encode(frame):
            out += decoder.decode(av.Packet(bytes(packet)))
    return out


def _picture(count: int, frame: av.VideoFrame) -> Picture:
    return Picture(count * 3000, 0, count, frame, 0, 0, 0, 1, True)


def _look(eyes: Eyes, frames: list[av.VideoFrame], start: int = 0, scanning: bool = True) -> None:
    for i, frame in enumerate(frames, start + 1):
        eyes.look(_picture(i, frame), scanning=scanning)


@pytest.mark.parametrize("value", [0, 1234, 9999])
def test_the_mark_is_read_from_decoded_pixels_at_one_megabit(value: int) -> None:
    pictures = [_speckle(i) for i in range(6)]
    for picture in pictures:
        mark.draw(picture, value)
    eyes = Eyes()
    _look(eyes, _decoded(pictures, 1000))
    assert eyes.mark == value


def test_one_reading_is_not_enough_and_no_mark_is_no_number() -> None:
    pictures = [_speckle(i) for i in range(4)]
    mark.draw(pictures[1], 1111)
    mark.draw(pictures[2], 2222)
    eyes = Eyes()
    for i, frame in enumerate(_decoded(pictures, 8000), 1):
        eyes.look(_picture(i, frame), scanning=False)
        assert eyes.mark is None
    assert eyes.pictures == 4


def test_a_picture_is_looked_at_once() -> None:
    frames = _decoded([_speckle(0)], 8000)
    eyes = Eyes()
    for _ in range(3):
        _look(eyes, frames)
    assert eyes.pictures == 1


def test_speckle_alone_is_no_change_but_another_anatomy_is() -> None:
    eyes = Eyes()
    _look(eyes, _decoded([_speckle(i) for i in range(20)], 8000))
    still = eyes.change_grey
    _look(eyes, _decoded([_speckle(i, shade=130) for i in range(20)], 8000), start=20)
    assert still < 2.0 < 5.0 < eyes.change_grey
