"""The second copy of a message: what is sent, when, and what the far end takes it for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from transport.repeat import MARK, Repeat, marked, unmarked

MS = 1_000_000
SIZE = 24


@settings(deadline=None)
@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_a_copy_is_the_same_bytes_and_is_known_as_one(message: bytes) -> None:
    assert unmarked(message, SIZE) == (message, False)
    assert unmarked(marked(message), SIZE) == (message, True)


@settings(deadline=None, max_examples=1000)
@given(st.binary(max_size=2 * SIZE))
def test_anything_else_is_left_as_it_is(data: bytes) -> None:
    message, again = unmarked(data, SIZE)
    assert again == (len(data) == SIZE + 1 and data[-1:] == MARK)
    assert message == (data[:SIZE] if again else data)


def test_a_message_goes_out_again_once_and_when_it_is_due() -> None:
    repeat = Repeat(2.0)
    assert repeat.take(0) is None
    repeat.sent(b"first", 0)
    assert repeat.take(2 * MS - 1) is None
    assert repeat.take(2 * MS) == b"first" + MARK
    assert repeat.take(3 * MS) is None


def test_what_was_overtaken_is_not_repeated() -> None:
    repeat = Repeat(2.0)
    repeat.sent(b"old", 0)
    repeat.sent(b"new", 1 * MS)  # a late clock: the copy of "old" is still waiting
    assert repeat.take(2 * MS) is None
    assert repeat.take(3 * MS) == b"new" + MARK


def test_a_coarse_clock_may_be_half_a_tick_early() -> None:
    repeat = Repeat(2.0)
    repeat.sent(b"beat", 0)
    assert repeat.take(1_900_000) is None
    assert repeat.take(1_900_000, early_ns=MS) == b"beat" + MARK


def test_zero_is_never() -> None:
    repeat = Repeat(0.0)
    repeat.sent(b"frame", 0)
    assert repeat.take(1000 * MS) is None
