"""The needle in the picture: a bright line with reverberation and shadow (numba)."""

from __future__ import annotations

import math

from numba import njit

BRIGHT = 26.0
"""Echo amplitude when the beam meets the needle at right angles (as `cast.ECHO`)."""
TIP = 10.0
"""Extra echo of the tip."""
TAIL_M = 0.0016
"""Distance of the repeated echoes behind the needle."""
SHADOW = 0.55
"""What is left of the sound behind the needle."""
PLANE_M = 0.0011
"""Elevational beam width (one sigma): the needle fades when it leaves the plane."""


NEWTON = 4
"""Steps from the straight shaft to the bent one: each leaves less than a tenth of the error."""


@njit(cache=True, nogil=True)
def crossing(home, axis, bend, shaft, sine, cosine, radius):  # type: ignore[no-untyped-def]
    """Where a beam meets the shaft: (t, share of the bend, its slope); t < 0: nowhere.

    `shaft` is (entry, length): the shaft is straight up to the entry point and a parabola to the
    tip from there on, which is `bend` beside the guide's line (a bevel cuts at constant curvature).
    """
    cross = axis[0] * cosine - axis[2] * sine
    if abs(cross) < 1e-6:
        return -1.0, 0.0, 0.0
    # home + t axis + g bend = (0, -radius) + rho (sine, cosine) in the image plane (x, z)
    entry, length = shaft
    inserted = length - entry
    across_home = sine * (home[2] + radius) - cosine * home[0]
    across_bend = sine * bend[2] - cosine * bend[0]
    t = across_home / cross
    g = slope = 0.0
    for _ in range(NEWTON):
        deep = max(0.0, t - entry)
        g, slope = (deep / inserted) ** 2, 2.0 * deep / inserted**2
        t -= (t * cross - across_home - g * across_bend) / (cross - slope * across_bend)
    deep = max(0.0, t - entry)
    return t, (deep / inserted) ** 2, 2.0 * deep / inserted**2


@njit(cache=True, nogil=True)
def add_needle(home, axis, bend, shaft, radius, angles, step, out_i, out_q):  # type: ignore[no-untyped-def]
    """Add a needle from `home` along `axis` (probe frame, m) to I and Q (samples x padded lines).

    `bend` and `shaft` as in `crossing`, `radius` is the probe's, `angles` the direction of each
    line, `step` the sample spacing (m).
    """
    pad = (out_i.shape[1] - angles.size) // 2
    length = shaft[1]
    for line in range(angles.size):
        sine, cosine = math.sin(angles[line]), math.cos(angles[line])
        t, g, slope = crossing(home, axis, bend, shaft, sine, cosine, radius)
        if t < 0.0 or t > length:
            continue
        x, y, z = home + t * axis + g * bend
        sample = int((x * sine + (z + radius) * cosine - radius) / step + 0.5)
        if sample < 0 or sample >= out_i.shape[0]:
            continue
        ahead = axis + slope * bend
        along = (ahead[0] * sine + ahead[2] * cosine) / math.hypot(ahead[0], ahead[2])
        off_plane = y / PLANE_M
        seen = (0.08 + 0.92 * (1.0 - along * along) ** 4) * math.exp(-0.5 * off_plane * off_plane)
        near_tip = math.exp(-0.5 * ((length - t) / 0.0012) ** 2)
        echo = BRIGHT * seen + TIP * near_tip * math.exp(-0.5 * off_plane * off_plane)
        _echoes(line + pad, sample, echo, seen, int(TAIL_M / step + 0.5), out_i, out_q)


@njit(cache=True, nogil=True)
def _echoes(column, sample, echo, seen, tail, out_i, out_q):  # type: ignore[no-untyped-def]
    """Shadow, then the echo and its repetitions, along one line."""
    left = 1.0 - (1.0 - SHADOW) * min(1.0, seen)
    for j in range(sample + 1, out_i.shape[0]):
        out_i[j, column] *= left
        out_q[j, column] *= left
    for repeat in range(4):
        j = sample + repeat * max(tail, 1)
        if j < out_i.shape[0]:
            out_i[j, column] += echo * 0.3**repeat
