"""The encoder: rate without keyframes, keyframes inside the rate buffer, grey levels, level."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from teleop.media.encode import KEYFRAME_GAP, REFRESH_S, VBV_FRAMES, Encoder
from transport.h264 import recovery_frames
from transport.rtp import has_idr, nal_units
from transport.webrtc.receive import low_delay_decoder
from transport.webrtc.video import EncodedPicture

FPS = 30
PTS = 90_000 // FPS
JPEG_RANGE = 2
"""AVCOL_RANGE_JPEG: 0..255."""


def _speckle(number: int, shape: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    """Tissue that moves, and noise on it."""
    rng = np.random.default_rng(1)
    field = np.abs(rng.normal(0, 55, (shape[0] + 40, shape[1] + 40)))
    moved = np.roll(field, number, (0, 1))[: shape[0], : shape[1]]
    noise = np.random.default_rng(number).normal(0, 3, shape)
    return np.clip(moved + noise, 0, 255).astype(np.uint8)


def _run(encoder: Encoder, first: int, count: int) -> list[EncodedPicture]:
    return [encoder.encode(_speckle(i), i * PTS, False) for i in range(first, first + count)]


def _kbps(pictures: list[EncodedPicture]) -> float:
    return float(np.mean([len(p.data) for p in pictures])) * 8 * FPS / 1000


def test_the_rate_changes_up_and_down_without_a_keyframe() -> None:
    encoder = Encoder(320, 240, FPS, 4000)
    _run(encoder, 0, 60)
    begun = 60
    for kbps in (2000, 1000, 4000):
        encoder.set_bitrate(kbps)
        assert encoder.bitrate_kbps == kbps
        pictures = _run(encoder, begun, 80)
        begun += 80
        assert not any(p.keyframe for p in pictures)
        assert 0.6 * kbps < _kbps(pictures[30:]) < 1.15 * kbps
    assert encoder.keyframes == 1, "the first picture"


@pytest.mark.parametrize("kbps", [0, 4001])
def test_a_rate_beyond_what_it_was_opened_for_is_refused(kbps: int) -> None:
    with pytest.raises(ValueError, match="1 to 4000"):
        Encoder(320, 240, FPS, 4000).set_bitrate(kbps)


def test_a_keyframe_on_request_fits_the_rate_buffer_and_is_rationed() -> None:
    encoder = Encoder(320, 240, FPS, 4000)
    _run(encoder, 0, 60)
    asked = [encoder.encode(_speckle(i), i * PTS, True) for i in range(60, 90)]
    keys = [p for p in asked if p.keyframe]
    gap = KEYFRAME_GAP // PTS
    assert [p.pts // PTS for p in keys] == [60, 60 + gap, 60 + 2 * gap, 60 + 3 * gap][: len(keys)]
    assert all(has_idr(p.data) for p in keys)
    most = 4000 / FPS * VBV_FRAMES * 1000 / 8
    assert max(len(p.data) for p in keys) <= 1.1 * most


def test_the_beginning_of_a_refresh_is_not_called_a_keyframe() -> None:
    """x264 flags it as key, but a viewer that starts there sees a broken picture."""
    encoder = Encoder(320, 240, FPS, 4000)
    pictures = _run(encoder, 0, round(2.5 * REFRESH_S * FPS))
    starts = [i for i, p in enumerate(pictures) if recovery_frames(p.data) is not None]
    assert len(starts) >= 2
    assert [i for i, p in enumerate(pictures) if p.keyframe] == [0]


def test_every_grey_level_survives_at_full_range() -> None:
    picture = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16), 20, 0).repeat(20, 1)
    encoder, decoder = Encoder(320, 320, FPS, 8000), low_delay_decoder()
    for i in range(8):
        (frame,) = decoder.decode(av.Packet(encoder.encode(picture, i * PTS, False).data))
    assert frame.color_range == JPEG_RANGE, "the VUI says so"
    assert frame.format.name == "yuvj420p"
    plane = frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:320, :320]
    seen = luma.reshape(16, 20, 16, 20).astype(float).mean(axis=(1, 3))
    assert np.abs(seen - picture[::20, ::20]).max() < 2.0
    assert seen.min() < 1.0
    assert seen.max() > 254.0


@pytest.mark.parametrize(
    ("width", "height", "fps", "least"), [(640, 480, 60, 31), (1024, 768, 30, 31),
                                          (1024, 768, 60, 32)],
)  # fmt: skip
def test_the_level_allows_what_is_sent(width: int, height: int, fps: int, least: int) -> None:
    """Macroblocks per second: 108,000 up to level 3.1, 216,000 in 3.2 (H.264 table A-1)."""
    encoder = Encoder(width, height, fps, 8000)
    data = encoder.encode(_speckle(0, (height, width)), 0, False).data
    parameters = next(unit for unit in nal_units(data) if unit[0] & 0x1F == 7)
    assert parameters[1] == 66, "Baseline"
    assert parameters[3] >= least
