"""The mark survives the real encoder and decoder, and is never read wrongly."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from teleop.drivers.frames.base import Frame
from teleop.media import mark
from teleop.media.encode import Encoder
from teleop.media.stamp import stamp
from transport.webrtc.receive import low_delay_decoder

Luma = NDArray[np.uint8]
PERIOD = 3000
"""90 kHz ticks between pictures at 30 per second."""


def speckle(rng: np.random.Generator, width: int, height: int) -> Luma:
    """A picture that costs an encoder much, as ultrasound does."""
    return np.clip(rng.rayleigh(50.0, (height, width)), 0, 255).astype(np.uint8)


class Wire:
    """Encoder and decoder with nothing lost between them."""

    def __init__(self, width: int, height: int, bitrate_kbps: int) -> None:
        self._encoder = Encoder(width, height, 30.0, bitrate_kbps)
        self._decoder = low_delay_decoder()
        self._pts = 0

    def __call__(self, luma: Luma) -> Luma:
        """What the viewer sees of this picture."""
        self._pts += PERIOD
        encoded = self._encoder.encode(luma, self._pts, False)
        (frame,) = self._decoder.decode(av.Packet(encoded.data))
        plane = frame.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width]


@pytest.mark.parametrize(
    ("width", "height", "bitrate_kbps"),
    [(640, 480, 8000), (640, 480, 1000), (320, 240, 1000), (1280, 720, 4000)],
)
def test_the_mark_is_read_from_the_decoded_picture(
    width: int, height: int, bitrate_kbps: int
) -> None:
    rng = np.random.default_rng(1)
    wire = Wire(width, height, bitrate_kbps)
    for value in (0, 9, 1234, 5678, 9090, 9999):
        readings = []
        for _ in range(4):
            luma = speckle(rng, width, height)
            mark.draw(luma, value)
            readings.append(mark.read(wire(luma)))
        assert set(readings) <= {None, value}, "never another number"
        assert readings[-1] == value, "after at most four pictures it is legible"


def test_every_value_is_drawn_so_that_it_is_read() -> None:
    luma = np.zeros((120, 160), np.uint8)
    for value in range(10_000):
        mark.draw(luma, value)
        assert mark.read(luma) == value


@pytest.mark.parametrize("value", [-1, 10_000])
def test_only_four_digits_are_a_mark(value: int) -> None:
    with pytest.raises(ValueError, match="0 to 9999"):
        mark.draw(np.zeros((480, 640), np.uint8), value)


def test_no_number_is_read_from_pictures_without_a_mark() -> None:
    rng = np.random.default_rng(2)
    for _ in range(500):
        assert mark.read(speckle(rng, 320, 240)) is None
    for level in (0, 100, 255):
        assert mark.read(np.full((480, 640), level, np.uint8)) is None
    assert mark.read(np.zeros((5, 5), np.uint8)) is None, "smaller than the box"


def test_one_damaged_cell_makes_it_unreadable_not_wrong() -> None:
    rng = np.random.default_rng(3)
    left, top, width, height = mark.box(480)
    cell = mark.cell_px(480)
    for value in (0, 1234, 8888, 9999):
        for _ in range(40):
            luma = np.zeros((480, 640), np.uint8)
            mark.draw(luma, value)
            x = left + cell * int(rng.integers(width // cell))
            y = top + cell * int(rng.integers(height // cell))
            luma[y : y + cell, x : x + cell] = 120
            assert mark.read(luma) is None


def test_the_stamp_names_the_source_and_leaves_it_untouched() -> None:
    source = speckle(np.random.default_rng(4), 640, 480)
    before = source.copy()
    plain = stamp(Frame(source, 5_000_000_000), True, -1, -1)
    marked = stamp(Frame(source, 5_000_000_000), True, 4711, plain.pts)
    replay = stamp(Frame(source, 5_000_000_000), False, -1, marked.pts)
    assert np.array_equal(source, before)
    assert plain.content_hash == marked.content_hash == replay.content_hash
    assert plain.pts == 450_000
    assert (marked.pts, replay.pts) == (450_001, 450_002), "ids rise even when time stands still"
    assert (plain.mark, marked.mark) == (-1, 4711)
    assert mark.read(marked.luma) == 4711
    assert not replay.live
    assert not np.array_equal(replay.luma, source), "NOT LIVE is drawn"
    assert np.array_equal(replay.luma[100:], source[100:])
