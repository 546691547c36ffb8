from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haptics import vec

numbers = st.floats(-10, 10)
vectors = st.tuples(numbers, numbers, numbers)
turns = st.tuples(*[st.floats(-1.7, 1.7)] * 3)  # below pi in length


@given(turns)
def test_log_undoes_exp(turn: vec.Vec) -> None:
    assert vec.log(vec.exp(turn)) == pytest.approx(turn, abs=1e-7)


@given(turns)
def test_quaternion_and_matrix_agree(turn: vec.Vec) -> None:
    m = vec.exp(turn)
    q = vec.to_quat(m)
    assert math.fsum(c * c for c in q) == pytest.approx(1.0)
    for row, back in zip(m, vec.from_quat(q), strict=True):
        assert back == pytest.approx(row, abs=1e-9)


@given(turns, vectors)
def test_rotation_keeps_length_and_transposes_back(turn: vec.Vec, a: vec.Vec) -> None:
    m = vec.exp(turn)
    turned = vec.apply(m, a)
    assert vec.norm(turned) == pytest.approx(vec.norm(a), abs=1e-9)
    assert vec.apply_transposed(m, turned) == pytest.approx(a, abs=1e-9)
    assert vec.apply(vec.transpose(m), turned) == pytest.approx(a, abs=1e-9)


@given(turns, turns)
def test_product_is_a_rotation(a: vec.Vec, b: vec.Vec) -> None:
    m = vec.orthonormal(vec.multiply(vec.exp(a), vec.exp(b)))
    for i in range(3):
        for j in range(3):
            assert vec.dot(m[i], m[j]) == pytest.approx(float(i == j), abs=1e-9)


@given(vectors, st.floats(0.001, 5))
def test_capped_shortens_and_never_turns(a: vec.Vec, limit: float) -> None:
    short = vec.capped(a, limit)
    assert vec.norm(short) <= limit * (1 + 1e-12)
    assert vec.norm(vec.cross(short, a)) == pytest.approx(0.0, abs=1e-9)


def test_a_quaternion_without_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rotation"):
        vec.from_quat((0.0, 0.0, 0.0, 0.0))
