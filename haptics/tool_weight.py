"""What a wrist sensor reads of the tool's own weight, and so what must be added back.

The sensor sits between flange and tool: with the tool in the air it reads the weight. Readings are
those on the patient, so a free tool reads minus its weight. Probe frame, about the face.
"""

from __future__ import annotations

from haptics.dynamics import GRAVITY_M_S2, Body
from haptics.vec import Mat, Vec, apply_transposed, cross


def weight(tool: Body, base_rot_probe: Mat) -> Vec:
    """Force (N) and torque (Nm) of gravity on the tool."""
    force = apply_transposed(base_rot_probe, (0.0, 0.0, -tool.mass_kg * GRAVITY_M_S2))
    return force + cross(tool.com_m, force)
