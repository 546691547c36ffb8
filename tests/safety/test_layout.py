"""The layout codec: every message survives the trip, wrong bytes are refused."""

import dataclasses
import math
import random
from typing import Any

import pytest

from safety import messages as m
from safety.layout import Layout, LayoutError
from safety.states import Clamp

LAYOUTS = {name: item for name, item in vars(m).items() if isinstance(item, Layout)}


def _zeros(layout: Layout[Any]) -> Any:
    return layout.unpack(bytes(layout.size))


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_zero_bytes_make_a_message_that_packs_to_zero_bytes(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.pack(_zeros(layout)) == bytes(layout.size)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_size_is_refused(name: str, change: int) -> None:
    layout = LAYOUTS[name]
    with pytest.raises(LayoutError, match=layout.cls.__name__):
        layout.unpack(bytes(layout.size + change))


def test_an_unknown_enum_value_is_refused() -> None:
    data = bytearray(m.GUARD_EVENT.size)
    data[0] = 250
    with pytest.raises(LayoutError):
        m.GUARD_EVENT.unpack(bytes(data))


def test_random_bytes_are_refused_or_survive_unchanged() -> None:
    rng = random.Random(1)
    for _ in range(1000):
        data = rng.randbytes(m.MEDIA_STATUS.size)
        try:
            message = m.MEDIA_STATUS.unpack(data)
        except LayoutError:
            continue
        again = m.MEDIA_STATUS.unpack(m.MEDIA_STATUS.pack(message))
        assert again.frames == message.frames
        assert math.isnan(again.fps) or again.fps == message.fps


def test_nested_tuples_and_vectors_keep_their_places() -> None:
    inputs = _zeros(m.GUARD_STEP).inputs
    stamp = m.FrameStamp(rtp_timestamp=7, acquired_ns=8, content_hash=9, live=True, mark=10)
    step = _zeros(m.GUARD_STEP)
    changed = m.GuardStep(
        inputs=_replace(inputs, stamps=(inputs.stamps[0], stamp, *inputs.stamps[2:])),
        outputs=step.outputs,
    )
    assert m.GUARD_STEP.unpack(m.GUARD_STEP.pack(changed)) == changed


def _replace(message: Any, **changes: Any) -> Any:
    return dataclasses.replace(message, **changes)


def test_other_values_in_plain_fields_are_packed_as_if_the_message_had_them() -> None:
    report = _replace(_zeros(m.GUARD_REPORT), lateness_us=3.5)
    changed = _replace(report, compute_us=12.25, overruns=7)
    packed = m.GUARD_REPORT.pack_with(report, compute_us=12.25, overruns=7)
    assert packed == m.GUARD_REPORT.pack(changed)
    with pytest.raises(KeyError):
        m.GUARD_REPORT.pack_with(report, no_such_field=1)


def test_combined_flags_are_built_the_first_time_and_again() -> None:
    several = Clamp(0b1011)
    data = m.GUARD_REPORT.pack(_replace(_zeros(m.GUARD_REPORT), clamps=several))
    for _ in range(2):
        built = m.GUARD_REPORT.unpack(data).clamps
        assert built == several
        assert isinstance(built, Clamp)


@pytest.mark.parametrize("hint", [str, list[float], float | None, tuple[int, int]])
def test_a_field_that_no_layout_can_hold_is_named(hint: Any) -> None:
    cls = dataclasses.make_dataclass("Message", [("count", int), ("value", hint)], frozen=True)
    with pytest.raises(TypeError) as refused:
        Layout(cls)
    assert str(refused.value) == f"o.value: a layout cannot hold {hint!r}"
