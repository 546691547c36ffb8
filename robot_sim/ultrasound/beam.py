"""From echoes to grey levels: resolution, noise, gain, log compression (numba)."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath=True)
def lateral(source, kernels, out):  # type: ignore[no-untyped-def]
    """Filter each sample row along lines with its own symmetric kernel; `source` is padded."""
    taps = kernels.shape[1] // 2
    lines = out.shape[1]
    for j in range(out.shape[0]):
        middle = kernels[j, taps]
        for line in range(lines):
            out[j, line] = middle * source[j, taps + line]
        for k in range(1, taps + 1):
            weight = kernels[j, taps + k]
            for line in range(lines):
                out[j, line] += weight * (source[j, taps + line - k] + source[j, taps + line + k])


@njit(cache=True, nogil=True, fastmath=True)
def power(i, q, kernel, electronic, shift, noise, out):  # type: ignore[no-untyped-def]
    """Axial filter of I and Q, electronic noise, power; edges repeat."""
    rows, lines = i.shape
    mask = electronic.shape[0] - 1
    for j in range(rows):
        a, b = max(j - 2, 0), max(j - 1, 0)
        c, d = min(j + 1, rows - 1), min(j + 2, rows - 1)
        grain = electronic[(j + shift[0]) & mask]
        for line in range(lines):
            real = (
                kernel[0] * (i[a, line] + i[d, line])
                + kernel[1] * (i[b, line] + i[c, line])
                + kernel[2] * i[j, line]
                + noise * grain[shift[1] + line]
            )
            imaginary = (
                kernel[0] * (q[a, line] + q[d, line])
                + kernel[1] * (q[b, line] + q[c, line])
                + kernel[2] * q[j, line]
                + noise * grain[shift[2] + line]
            )
            out[j, line] = real * real + imaginary * imaginary + 1e-12


@njit(cache=True, nogil=True, fastmath=True)
def compress(bits, gain_db, scale, dither, shift, out):  # type: ignore[no-untyped-def]
    """Grey level of power given as float32 bits: a fast log2 (error below 0.03 dB).

    grey = (10 log10(power) + gain_db[sample]) * scale, with a dither below one grey level, so that
    two pictures are never identical by quantisation alone.
    """
    rows, lines = out.shape
    mask = dither.shape[0] - 1
    for j in range(rows):
        offset = gain_db[j]
        grain = dither[(j + shift[0]) & mask]
        for line in range(lines):
            word = bits[j, line]
            m = np.float32((word & 0x7FFFFF) * np.float32(1.1920929e-7))
            log2 = np.float32((word >> 23) - 127 + m * (1.4232 + m * (-0.5819 + m * 0.1587)))
            grey = (log2 * np.float32(3.0103) + offset) * scale
            grey = min(max(grey, 0.4), 254.0) + grain[shift[1] + line]
            out[j, line] = np.uint8(grey)
