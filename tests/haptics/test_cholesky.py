"""The factorisation both arm laws solve with, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from haptics.cholesky import PIVOT_MIN, backward, factor, forward, root_determinant


def lower(a: np.ndarray) -> list[list[float]]:
    return [[float(a[i, j]) for j in range(i + 1)] for i in range(len(a))]


@pytest.mark.parametrize("n", range(1, 8))
def test_a_positive_matrix_is_solved_exactly(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(50):
        half = rng.normal(size=(n, n))
        a, b = half @ half.T + 0.1 * np.eye(n), rng.normal(size=n)
        low = factor(lower(a))
        found = backward(low, forward(low, tuple(b)))
        assert found == pytest.approx(np.linalg.solve(a, b), rel=1e-7, abs=1e-9)
        assert root_determinant(low) == pytest.approx(np.sqrt(np.linalg.det(a)), rel=1e-9)


def test_a_singular_matrix_stays_finite() -> None:
    low = factor([[1.0], [1.0, 1.0]])
    assert low[1][1] == pytest.approx(np.sqrt(PIVOT_MIN))
    assert np.isfinite(backward(low, forward(low, (1.0, -1.0)))).all()
