"""Three-vectors, rotation matrices and quaternions as plain tuples.

Plain Python floats on purpose: at this size they are as fast as numpy, and a recorded step replays
to the same bits on another machine (no BLAS kernel is chosen at run time).
Matrices are three rows; quaternions are xyzw; `a_R_b` maps b coordinates into a.
"""

from __future__ import annotations

import math

Vec = tuple[float, ...]
"""Three floats."""
Mat = tuple[Vec, Vec, Vec]
"""Three rows of a rotation matrix."""

ZERO: Vec = (0.0, 0.0, 0.0)
EYE: Mat = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def add(a: Vec, b: Vec) -> Vec:
    """Return a + b."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def sub(a: Vec, b: Vec) -> Vec:
    """Return a - b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def scale(a: Vec, s: float) -> Vec:
    """Return s a."""
    return (a[0] * s, a[1] * s, a[2] * s)


def dot(a: Vec, b: Vec) -> float:
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vec, b: Vec) -> Vec:
    """Return a x b."""
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def norm(a: Vec) -> float:
    """Return the Euclidean length."""
    return math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])


def capped(a: Vec, limit: float) -> Vec:
    """Return `a`, shortened to length `limit` when it is longer."""
    length = norm(a)
    return a if length <= limit else scale(a, limit / length)


def toward(current: Vec, wanted: Vec, step: float) -> Vec:
    """Move `current` towards `wanted` by at most `step` (length)."""
    return add(current, capped(sub(wanted, current), step))


def off_axis(a: Vec, axis: Vec) -> Vec:
    """Return the part of `a` orthogonal to the unit vector `axis`."""
    return sub(a, scale(axis, dot(a, axis)))


def apply(m: Mat, a: Vec) -> Vec:
    """Return m a."""
    return (dot(m[0], a), dot(m[1], a), dot(m[2], a))


def apply_transposed(m: Mat, a: Vec) -> Vec:
    """Return the transpose of m times a."""
    return (
        m[0][0] * a[0] + m[1][0] * a[1] + m[2][0] * a[2],
        m[0][1] * a[0] + m[1][1] * a[1] + m[2][1] * a[2],
        m[0][2] * a[0] + m[1][2] * a[1] + m[2][2] * a[2],
    )


def column(m: Mat, i: int) -> Vec:
    """Return column i."""
    return (m[0][i], m[1][i], m[2][i])


def transpose(m: Mat) -> Mat:
    """Return the transpose."""
    return (column(m, 0), column(m, 1), column(m, 2))


def multiply(a: Mat, b: Mat) -> Mat:
    """Return a b."""
    t = transpose(b)
    return (apply(t, a[0]), apply(t, a[1]), apply(t, a[2]))


def exp(rotation: Vec) -> Mat:
    """Rotation matrix of a rotation vector (rad), Rodrigues."""
    angle = norm(rotation)
    if angle < 1e-12:
        x, y, z = rotation
        return ((1.0, -z, y), (z, 1.0, -x), (-y, x, 1.0))
    x, y, z = scale(rotation, 1.0 / angle)
    c, s = math.cos(angle), math.sin(angle)
    k = 1.0 - c
    return (
        (c + x * x * k, x * y * k - z * s, x * z * k + y * s),
        (y * x * k + z * s, c + y * y * k, y * z * k - x * s),
        (z * x * k - y * s, z * y * k + x * s, c + z * z * k),
    )


def log(m: Mat) -> Vec:
    """Rotation vector (rad) of a rotation matrix; at half a turn either of its two axes."""
    w = (m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1])
    sine = 0.5 * norm(w)
    cosine = 0.5 * (m[0][0] + m[1][1] + m[2][2] - 1.0)
    if cosine < -0.5:  # `w` vanishes towards half a turn, the quaternion's vector does not
        x, y, z, real = to_quat(m)
        length = norm((x, y, z))
        return scale((x, y, z), 2.0 * math.atan2(length, real) / length)
    angle = math.atan2(sine, cosine)
    return scale(w, 0.5 if sine < 1e-9 else 0.5 * angle / sine)


def from_quat(q: Vec) -> Mat:
    """Rotation matrix of a quaternion xyzw (normalised here); ValueError: no direction in it."""
    length = math.sqrt(sum(c * c for c in q))
    if not 0.1 < length < 10.0:
        raise ValueError(f"not a rotation: quaternion of length {length}")
    x, y, z, w = (c / length for c in q)
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )


def to_quat(m: Mat) -> Vec:
    """Quaternion xyzw, w >= 0, of a rotation matrix."""
    (a, b, c), (d, e, f), (g, h, i) = m
    if a + e + i > 0:
        s = 2.0 * math.sqrt(1.0 + a + e + i)
        q: Vec = ((h - f) / s, (c - g) / s, (d - b) / s, s / 4)
    elif a > e and a > i:
        s = 2.0 * math.sqrt(1.0 + a - e - i)
        q = (s / 4, (b + d) / s, (c + g) / s, (h - f) / s)
    elif e > i:
        s = 2.0 * math.sqrt(1.0 + e - a - i)
        q = ((b + d) / s, s / 4, (f + h) / s, (c - g) / s)
    else:
        s = 2.0 * math.sqrt(1.0 + i - a - e)
        q = ((c + g) / s, (f + h) / s, s / 4, (d - b) / s)
    return q if q[3] >= 0 else (-q[0], -q[1], -q[2], -q[3])


def orthonormal(m: Mat) -> Mat:
    """Return the rotation nearest to `m` in first order (removes integration drift)."""
    z = scale(m[2], 1.0 / norm(m[2]))
    x = off_axis(m[0], z)
    x = scale(x, 1.0 / norm(x))
    return (x, cross(z, x), z)
