"""Which pictures guard knows: the newest one seen, its age, and whether the content lives."""

from __future__ import annotations

import pytest
from harness import MS, S

from safety.frames import HALF, KEEP, FrameIndex
from safety.messages import FrameStamp

T0 = 1000 * S


def sent(*ids: int, content: int = 7) -> FrameIndex:
    index = FrameIndex()
    for n, rtp in enumerate(ids):
        index.add(FrameStamp(rtp, T0 + n * MS, content, True, 40 + n), T0 + n * MS)
    return index


def test_the_first_picture_is_new_whatever_its_content_hashes_to() -> None:
    index = FrameIndex()
    index.add(FrameStamp(1, T0, 0, True, -1), T0)
    assert index.unchanged_ms(T0 + MS) == 1.0
    index.add(FrameStamp(2, T0 + 5 * MS, 0, True, -1), T0 + 5 * MS)
    assert index.unchanged_ms(T0 + 6 * MS) == 6.0
    index.add(FrameStamp(3, T0 + 6 * MS, 1, True, -1), T0 + 6 * MS)
    assert index.unchanged_ms(T0 + 6 * MS) == 0.0


def test_a_picture_is_known_by_its_number_and_not_before_it_was_taken() -> None:
    index = sent(10, 20)
    assert index.image_ms(T0) == -1.0
    assert index.present(15, T0 + S) is None
    assert index.present(20, T0) is None, "from the future"
    assert (index.presented_id, index.presented_mark) == (-1, -1)
    assert index.present(20, T0 + MS) == T0 + MS, "just taken"
    assert (index.presented_id, index.presented_mark) == (20, 41)
    assert index.image_ms(T0 + 3 * MS) == 2.0
    assert index.present(10, T0 + S) is None, "older than one seen before"


@pytest.mark.parametrize(("last", "later", "known"), [
    (0, 0xFFFFFFFF, False), (0, 1, True), (0, 0, True), (1, 0, False),
    (0xFFFFFFFF, 0, True), (0, HALF - 1, True), (0, HALF, False), (5, 5 + HALF, False),
])  # fmt: skip
def test_numbers_of_pictures_wrap_around(last: int, later: int, known: bool) -> None:
    index = sent(last, later)
    assert index.present(last, T0 + S) is not None
    assert index.image_ms(T0 + S) >= 0.0
    assert (index.present(later, T0 + S) is not None) is known


def test_what_is_forgotten_is_not_known_any_more() -> None:
    index = sent(10, 20)
    index.present(20, T0 + S)
    index.forget()
    assert (index.presented_id, index.presented_mark, index.image_ms(T0)) == (-1, -1, -1.0)
    assert index.present(20, T0 + S) is None
    many = sent(*range(KEEP + 1))
    assert many.present(0, T0 + S) is None, "too long ago"
    assert many.present(1, T0 + S) is not None
