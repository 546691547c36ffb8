"""Cholesky factorisation of small matrices in plain floats (see haptics/vec.py for the reason).

A symmetric positive matrix is given by its lower triangle, as rows of growing length (Golub & Van
Loan, Matrix Computations, 4th ed., section 4.2: the row-wise form).
"""

from __future__ import annotations

import math

from haptics.vec import Vec

PIVOT_MIN = 1e-9
"""Smallest squared pivot: a matrix that is singular to rounding stays solvable."""
Rows = list[list[float]]


def factor(a: Rows) -> Rows:
    """Lower factor L of a = L L^T (in place)."""
    for i, row in enumerate(a):
        for j in range(i):
            other = a[j]
            s = row[j]
            for k in range(j):
                s -= row[k] * other[k]
            row[j] = s / other[j]
        s = row[i]
        for k in range(i):
            s -= row[k] * row[k]
        row[i] = math.sqrt(s if s > PIVOT_MIN else PIVOT_MIN)
    return a


def forward(low: Rows, b: Vec | list[float]) -> list[float]:
    """Solve L x = b."""
    x = list(b)
    for i, row in enumerate(low):
        s = x[i]
        for k in range(i):
            s -= row[k] * x[k]
        x[i] = s / row[i]
    return x


def backward(low: Rows, x: list[float]) -> list[float]:
    """Solve L^T y = x (in place)."""
    n = len(low)
    for i in range(n - 1, -1, -1):
        s = x[i]
        for k in range(i + 1, n):
            s -= low[k][i] * x[k]
        x[i] = s / low[i][i]
    return x


def root_determinant(low: Rows) -> float:
    """sqrt(det a) = det L: the product of the pivots."""
    return math.prod([row[i] for i, row in enumerate(low)])
