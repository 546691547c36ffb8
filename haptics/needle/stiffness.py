"""Stiffness of what is in front of the tip: recursive least squares on F = k x + c.

Forgetting runs with the way, not with time: a needle that waits learns nothing and forgets nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FORGET_M = 0.0015
"""Way after which a sample has lost 63 % of its weight: about half a membrane."""
START_P = 1e8
"""Initial variance of k (N/m)^2: nothing is known."""
STIFFNESS_MAX_N_M = 5000.0


@dataclass(slots=True)
class LayerStiffness:
    """Two-parameter RLS; x is centred at the newest restart."""

    k_n_m: float = 0.0
    c_n: float = 0.0
    p_kk: float = START_P
    p_kc: float = 0.0
    p_cc: float = 100.0
    x0_m: float = 0.0
    last_m: float = 0.0
    primed: bool = False

    def restart(self, x_m: float, force_n: float) -> None:
        """A new layer begins: what was learnt is about the old one."""
        self.k_n_m, self.c_n = 0.0, force_n
        self.p_kk, self.p_kc, self.p_cc = START_P, 0.0, 100.0
        self.x0_m = self.last_m = x_m
        self.primed = True

    def update(self, x_m: float, force_n: float) -> float:
        """Take one sample of position (m) and force (N); return the stiffness (N/m, >= 0)."""
        if not self.primed:
            self.restart(x_m, force_n)
        moved = abs(x_m - self.last_m)
        if moved <= 0.0:
            return self.stiffness_n_m
        self.last_m = x_m
        grow = math.exp(moved / FORGET_M)
        self.p_kk = min(START_P, self.p_kk * grow)
        self.p_kc, self.p_cc = self.p_kc * grow, min(100.0, self.p_cc * grow)
        x = x_m - self.x0_m
        gain_k, gain_c = self.p_kk * x + self.p_kc, self.p_kc * x + self.p_cc
        scale = 1.0 / (1.0 + x * gain_k + gain_c)
        gain_k, gain_c = gain_k * scale, gain_c * scale
        error = force_n - (self.k_n_m * x + self.c_n)
        self.k_n_m += gain_k * error
        self.c_n += gain_c * error
        kk, kc, cc = self.p_kk, self.p_kc, self.p_cc
        self.p_kk = max(0.0, kk - gain_k * (x * kk + kc))
        self.p_kc = kc - gain_k * (x * kc + cc)
        self.p_cc = max(0.0, cc - gain_c * (x * kc + cc))
        return self.stiffness_n_m

    @property
    def stiffness_n_m(self) -> float:
        """Estimate within what tissue can be."""
        return max(0.0, min(STIFFNESS_MAX_N_M, self.k_n_m))
