"""Axial force between needle and tissue: membranes, cutting, modified Karnopp friction (pure).

Force on the patient along the axis (N), positive while it pushes in. The needle's position is given
(a position-driven axis), so that puncture shows as a drop of force, not as a jump of the tip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from robot_sim.needle.layers import Layer

STICK_V_M_S = 0.0002
"""Half width of Karnopp's stick zone."""
STATIC_FACTOR = 1.3
"""Static over Coulomb friction (D_p / C_p)."""
PULL_FACTOR = 0.9
"""Friction on withdrawal over that on insertion (C_n / C_p): the channel is open."""
PRESLIDE_N_M2 = 4.0e5
"""Stiffness of the sticking tissue per inserted length: 0.1 mm to full friction at 40 N/m."""


def membrane_n(layer: Layer, indentation_m: float) -> float:
    """Force of a membrane that is pushed in by `indentation_m`."""
    x = max(0.0, indentation_m)
    return layer.a1_n_m * x + layer.a2_n_m2 * x * x


def membrane_depth_m(layer: Layer, force_n: float) -> float:
    """Indentation at `force_n`: the inverse of `membrane_n`."""
    a1, a2 = layer.a1_n_m, layer.a2_n_m2
    if a2 <= 0.0:
        return force_n / a1 if a1 > 0.0 else math.inf
    return (math.sqrt(a1 * a1 + 4.0 * a2 * force_n) - a1) / (2.0 * a2)


@dataclass(slots=True)
class NeedleForce:
    """State of one insertion. Depths are along the needle, 0 at the skin."""

    layers: tuple[Layer, ...]
    stretch: float = 1.0
    """Depth along the needle over depth along the skin's normal (1 / cos of the angle)."""
    open_layers: int = 0
    """How many membranes are punctured."""
    cut_m: float = 0.0
    """Deepest point that the tip has cut."""
    friction_n: float = 0.0
    punctured: bool = field(default=False)
    """A membrane ruptured in the last step."""

    def update(self, depth_m: float, v_m_s: float, dt_s: float) -> float:
        """Move the tip to `depth_m` at speed `v_m_s`; return the axial force on the patient."""
        self.punctured = False
        if depth_m <= 0.0:
            self.friction_n = 0.0
            if self.open_layers == 0:
                self.cut_m = 0.0
            return 0.0
        tip = self._tip_force_n(depth_m, v_m_s)
        self._slide(self._inserted(depth_m), v_m_s, dt_s)
        return tip + self.friction_n

    def _tip_force_n(self, depth_m: float, v_m_s: float) -> float:
        """Membrane in front of the tip, and cutting of new tissue."""
        pushed = 0.0
        if self.open_layers < len(self.layers):
            layer = self.layers[self.open_layers]
            pushed = membrane_n(layer, depth_m - layer.depth_m * self.stretch)
            if pushed >= layer.puncture_n:
                self.open_layers += 1
                self.punctured = True
                pushed = 0.0
        if self.open_layers and v_m_s > 0.0 and depth_m >= self.cut_m:
            self.cut_m = depth_m
            return pushed + self.layers[self.open_layers - 1].cutting_n
        return pushed

    def _inserted(self, depth_m: float) -> tuple[float, float]:
        """Coulomb (N) and viscous (N s/m) friction of the shaft inside open layers."""
        coulomb = viscous = 0.0
        for i in range(self.open_layers):
            layer = self.layers[i]
            top = layer.depth_m * self.stretch
            last = i + 1 >= self.open_layers
            end = depth_m if last else min(depth_m, self.layers[i + 1].depth_m * self.stretch)
            length = max(0.0, end - top)
            coulomb += layer.friction_n_m * length
            viscous += layer.viscous_n_s_m2 * length
        return coulomb, viscous

    def _slide(self, friction: tuple[float, float], v_m_s: float, dt_s: float) -> None:
        coulomb, viscous = friction
        if v_m_s >= STICK_V_M_S:
            self.friction_n = coulomb + viscous * v_m_s
        elif v_m_s <= -STICK_V_M_S:
            self.friction_n = -PULL_FACTOR * coulomb + viscous * v_m_s
        else:
            length_n = coulomb * STATIC_FACTOR
            held = self.friction_n + PRESLIDE_N_M2 * self._length_m(coulomb) * v_m_s * dt_s
            self.friction_n = max(-PULL_FACTOR * length_n, min(length_n, held))

    def _length_m(self, coulomb_n: float) -> float:
        mean = sum(layer.friction_n_m for layer in self.layers) / len(self.layers)
        return coulomb_n / mean if mean > 0.0 else 0.0
