"""Scan lines through the body: tissue, attenuation, speckle and interface echoes (numba).

Arrays are samples x lines, so that every inner loop runs along lines. Coordinates are those of the
patient (m); `rest_point` undoes breathing and the compression under the probe, so that tissue is
looked up where it lies at rest: tissue moves, the look-up does not swim.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
_POSITIVE = 1 << 20
"""Added before truncation, so that negative coordinates round the same way."""
_MACRO_PER_M = 2000.0
_VOXEL_PER_M = 4000.0
_SLAB_PER_M = 400.0
_SPECKLE = 1.0 / 32.0
HALF_TILE_M = 0.064
"""Keeps the two slab directions independent where x = y: the same values would add in phase."""
BLOCK_LINES, BLOCK_SAMPLES = 8, 16
SLIDE_DEPTH_M = 0.04
"""Breathing slides tissue fully from this depth on."""
ECHO = 30.0
"""Echo amplitude of a perfect mirror, in standard deviations of 0 dB speckle."""
GEL, SKIN, FAT, MUSCLE, LIVER, NODULE, BLOOD, WALL, BONE, FLUID = range(10)

# Positions in the `body` vector (former.py fills it).
LIFT, SLIDE, CURVE, RELIEF, RELIEF_PER_M, SKIN_M, FAT_M, MUSCLE_M, UNDULATION = range(9)


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def rest_point(x, y, z, push, body, relief):  # type: ignore[no-untyped-def]
    """Resting position of what is at (x, y, z) now, and its depth below the skin."""
    z_rest = z + push - body[LIFT]
    wave = relief[int(y * body[RELIEF_PER_M] + _POSITIVE) & 1023]
    depth = -x * x * body[CURVE] + wave - z_rest
    deep = min(1.0, max(0.0, depth / SLIDE_DEPTH_M))
    return x, y - body[SLIDE] * body[LIFT] * deep, z_rest, depth


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def shape_distance(row, x, y, z):  # type: ignore[no-untyped-def]
    """Signed distance-like value to a shape's inside (< 0) and its outward normal."""
    wx, wy, wz = x - row[3], y - row[4], z - row[5]
    if row[0] == 0.0:
        t = (wx * row[6] + wy * row[7] + wz * row[8]) * row[11]
        t = min(1.0, max(0.0, t))
        vx, vy, vz = wx - t * row[6], wy - t * row[7], wz - t * row[8]
        distance = math.sqrt(vx * vx + vy * vy + vz * vz) + 1e-9
        return distance - row[9], vx / distance, vy / distance, vz / distance
    qx, qy, qz = wx / row[6], wy / row[7], wz / row[8]
    rho = math.sqrt(qx * qx + qy * qy + qz * qz) + 1e-9
    gx, gy, gz = qx / row[6], qy / row[7], qz / row[8]
    size = math.sqrt(gx * gx + gy * gy + gz * gz) + 1e-9
    return (rho - 1.0) * rho / size, gx / size, gy / size, gz / size


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def speckle(tile, u, v, w):  # type: ignore[no-untyped-def]
    """Complex speckle at in-plane (u, v) and elevational w: two slabs at unit power."""
    iu = int(u * _VOXEL_PER_M + _POSITIVE)
    iv = int(v * _VOXEL_PER_M + _POSITIVE)
    ws = w * _SLAB_PER_M + _POSITIVE
    k = int(ws)
    f = ws - k
    scale = _SPECKLE / math.sqrt(f * f + (1.0 - f) * (1.0 - f))
    f *= scale
    g = scale - f
    a, b = (iu + k * 149) & 511, (iv + k * 227) & 511
    c, d = (iu + k * 149 + 149) & 511, (iv + k * 227 + 227) & 511
    return g * tile[a, b, 0] + f * tile[c, d, 0], g * tile[a, b, 1] + f * tile[c, d, 1]


@njit(cache=True, nogil=True, fastmath=True)
def mark_blocks(origin, directions, rays, push, shapes, body, relief, masks):  # type: ignore[no-untyped-def]
    """For each block of lines and samples, which shapes may touch it (bit mask)."""
    ranges, decay = rays
    for jb in range(masks.shape[0]):
        j = min(jb * BLOCK_SAMPLES + BLOCK_SAMPLES // 2, ranges.size - 1)
        half_j = 0.5 * BLOCK_SAMPLES * (ranges[1] - ranges[0])
        for lb in range(masks.shape[1]):
            line = min(lb * BLOCK_LINES + BLOCK_LINES // 2, directions.shape[0] - 1)
            first = directions[lb * BLOCK_LINES]
            mid = directions[line]
            half_l = ranges[j] * math.sqrt(
                (first[0] - mid[0]) ** 2 + (first[1] - mid[1]) ** 2 + (first[2] - mid[2]) ** 2
            )
            reach = 1.2 * math.sqrt(half_j * half_j + half_l * half_l) + 0.002
            x, y, z, _ = rest_point(
                origin[0] + ranges[j] * mid[0],
                origin[1] + ranges[j] * mid[1],
                origin[2] + ranges[j] * mid[2],
                push[line] * decay[j],
                body,
                relief,
            )
            mask = np.uint64(0)
            for s in range(shapes.shape[0]):
                row = shapes[s]
                near, _, _, _ = shape_distance(row, x, y, z)
                if near < reach + row[10] + 0.1 * row[9]:
                    mask |= np.uint64(1) << np.uint64(s)
            masks[jb, lb] = mask


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def layer_at(x, y, depth, body, undulation):  # type: ignore[no-untyped-def]
    """Tissue of the body wall at a depth below the skin (m)."""
    if depth < 0.0:
        return GEL
    if depth < body[SKIN_M]:
        return SKIN
    ix, iy = int(x * _MACRO_PER_M + _POSITIVE), int(y * _MACRO_PER_M + _POSITIVE)
    wave = undulation[ix & 511, iy & 511] * body[UNDULATION]
    if depth < body[FAT_M] + wave:
        return FAT
    wave = undulation[(ix + 211) & 511, (iy + 77) & 511] * body[UNDULATION]
    return MUSCLE if depth < body[MUSCLE_M] + wave else LIVER


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def strands(tissue, depth, texture):  # type: ignore[no-untyped-def]
    """Brightness of connective tissue: fascia in muscle, septa in fat."""
    if tissue == MUSCLE:
        f = depth * 230.0 + 0.45 * texture
        return 2.3 if f - int(f) < 0.16 else 1.0
    if tissue == FAT:
        f = depth * 170.0 + 0.9 * texture
        return 2.6 if f - int(f) < 0.09 else 1.0
    return 1.0


@njit(cache=True, nogil=True, fastmath=True)
def cast(  # type: ignore[no-untyped-def]
    origin, directions, rays, push, coupling, shapes, masks, tables, body, planes, out_i, out_q
):
    """Fill I and Q (samples x padded lines) with the echoes of the body."""
    ranges, decay = rays
    tile, texture, undulation, relief, tissue, ring = tables
    pad = (out_i.shape[1] - directions.shape[0]) // 2
    through = coupling.copy()
    before = np.zeros(directions.shape[0], np.int64)
    for j in range(ranges.size):
        reach, fade = ranges[j], decay[j]
        for line in range(directions.shape[0]):
            dx, dy, dz = directions[line, 0], directions[line, 1], directions[line, 2]
            x, y, z, depth = rest_point(
                origin[0] + reach * dx, origin[1] + reach * dy, origin[2] + reach * dz,
                push[line] * fade, body, relief,
            )  # fmt: skip
            label = layer_at(x, y, depth, body, undulation)
            nx, ny, nz = 2.0 * x * body[CURVE], 0.0, 1.0
            im = int((x + 0.31 * y) * _MACRO_PER_M + _POSITIVE)
            km = int((z - 0.47 * y) * _MACRO_PER_M + _POSITIVE)
            slow = texture[im & 511, km & 511]
            mask = masks[j // BLOCK_SAMPLES, line // BLOCK_LINES]
            if mask != 0 and depth > 0.0:
                for s in range(shapes.shape[0]):
                    if (mask >> np.uint64(s)) & np.uint64(1):
                        row = shapes[s]
                        near, gx, gy, gz = shape_distance(row, x, y, z)
                        if near < row[10]:
                            label = int(row[1]) if near < 0.0 else int(row[2])
                            nx, ny, nz = gx, gy, gz
            amplitude = tissue[label, 0] * strands(label, depth, slow)
            amplitude *= max(0.3, 1.0 + 0.24 * slow)
            si, sq = 0.0, 0.0
            if planes[0] > 0.0:
                ai, aq = speckle(tile, x, z, y)
                si, sq = planes[0] * ai, planes[0] * aq
            if planes[1] > 0.0:
                ai, aq = speckle(tile, y, z + HALF_TILE_M, x)
                si, sq = si + planes[1] * ai, sq + planes[1] * aq
            t = through[line]
            i, q = t * amplitude * si, t * amplitude * sq
            if label != before[line]:
                z1, z2 = tissue[before[line], 2], tissue[label, 2]
                r = (z2 - z1) / (z2 + z1)
                cosine = abs(dx * nx + dy * ny + dz * nz)
                c4 = cosine * cosine * cosine * cosine
                c16 = c4 * c4 * c4 * c4
                lobe = 0.12 + 0.88 * c16 * c16
                i += t * ECHO * abs(r) * lobe * (0.8 + 0.25 * si)
                t *= 1.0 - r * r
                before[line] = label
            through[line] = t * tissue[label, 1]
            loose = 1.0 - coupling[line]
            out_i[j, pad + line] = i + ring[0, j] + loose * ring[1, j]
            out_q[j, pad + line] = q
