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


@njit(cache=True, nogil=True)
def add_needle(home, axis, length, radius, angles, step, out_i, out_q):  # type: ignore[no-untyped-def]
    """Add a needle from `home` along `axis` (probe frame, m) to I and Q (samples x padded lines).

    `radius` is the probe's, `angles` the direction of each line, `step` the sample spacing (m).
    """
    pad = (out_i.shape[1] - angles.size) // 2
    for line in range(angles.size):
        sine, cosine = math.sin(angles[line]), math.cos(angles[line])
        # home + t axis = (0, -radius) + rho (sine, cosine) in the image plane (x, z)
        cross = axis[0] * cosine - axis[2] * sine
        if abs(cross) < 1e-6:
            continue
        t = (sine * (home[2] + radius) - cosine * home[0]) / cross
        if t < 0.0 or t > length:
            continue
        depth = (home[0] + t * axis[0]) * sine + (home[2] + radius + t * axis[2]) * cosine
        sample = int((depth - radius) / step + 0.5)
        if sample < 0 or sample >= out_i.shape[0]:
            continue
        along = axis[0] * sine + axis[2] * cosine
        off_plane = (home[1] + t * axis[1]) / PLANE_M
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
