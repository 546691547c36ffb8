"""A needle shaft in tissue as a beam on an elastic foundation (Hetenyi 1946), closed form.

The shaft leaves the entry point (no deflection there) with a slope that the guide imposes; its tip
is free. With b = (k / 4 EI)^(1/4) the answer depends on b L only. Krylov functions of x = b L:
K1 = cosh cos, K2 = (cosh sin + sinh cos) / 2, K3 = sinh sin / 2, K4 = (cosh sin - sinh cos) / 4.
"""

from __future__ import annotations

import math
from functools import lru_cache

_LONG = 6.0
"""Beyond b L = 6 the tip no longer feels the guide (exp(-6) = 0.2 %)."""


@lru_cache(maxsize=4096)
def _follow(hundredths: int) -> tuple[float, float]:
    x = hundredths / 100.0
    if x <= 0.0:
        return 1.0, 1.0
    if x >= _LONG:
        return 0.0, 0.0
    ch, sh, c, s = math.cosh(x), math.sinh(x), math.cos(x), math.sin(x)
    k1, k2, k3, k4 = ch * c, (ch * s + sh * c) / 2.0, sh * s / 2.0, (ch * s - sh * c) / 4.0
    det = k1 * k1 + 4.0 * k2 * k4
    a = 4.0 * (k4 * k1 - k2 * k3) / det
    b = (4.0 * k3 * k1 + 16.0 * k4 * k4) / det
    return (k2 + a * k3 + b * k4) / x, k1 + a * k2 + b * k3


def tip_follows(foundation_1_m: float, length_m: float) -> tuple[float, float]:
    """How much of a pivot at the entry arrives at the tip: (offset / (angle L), slope / angle).

    A short or stiff needle turns as a whole (1, 1); a long one in firm tissue bends instead (0, 0).
    """
    return _follow(round(max(0.0, foundation_1_m * length_m) * 100.0))
