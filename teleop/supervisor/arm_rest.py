"""Whether the arm is at rest, from what its box measures (pure)."""

from __future__ import annotations

import math

from safety.limits import Limits
from safety.messages import ArmState

FRESH_NS = 200_000_000
"""Older than this, the box is silent and nothing is known."""
JOINT_REST_RAD_S = 0.02
"""Joint noise of a braked arm stays far below."""


def at_rest(state: ArmState, now_ns: int) -> bool:
    """True: fresh, brakes on, probe and joints still. Unknown is not at rest."""
    if now_ns - state.stamp_ns > FRESH_NS or not state.braked:
        return False
    speed_m_s = math.hypot(*state.base_v_probe_m_s)
    joints = max(abs(v) for v in state.qd_rad_s)
    return speed_m_s < Limits().stop_speed_m_s and joints < JOINT_REST_RAD_S
