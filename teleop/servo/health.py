"""Can the arm and its force sensor be used in this cycle (pure); and blanks for what is missing."""

from __future__ import annotations

import math

from safety.limits import Limits
from safety.messages import ArmState, Command, Permit
from safety.states import PermitKind, State

_MS = 1_000_000
_NAN = math.nan

NO_ARM = ArmState(
    incarnation=0,
    stamp_ns=-1,
    q_rad=(_NAN,) * 7,
    qd_rad_s=(_NAN,) * 7,
    base_p_probe_m=(_NAN,) * 3,
    base_q_probe=(0.0, 0.0, 0.0, 1.0),
    base_v_probe_m_s=(_NAN,) * 3,
    base_w_probe_rad_s=(_NAN,) * 3,
    force_n=(_NAN,) * 3,
    torque_nm=(_NAN,) * 3,
    force_stamp_ns=-1,
    force_valid=False,
    powered=False,
    braked=True,
    enabled=False,
    needle_depth_m=_NAN,
    challenge=0,
    command_trips=0,
    enable_trips=0,
    applied_seq=0,
    simulated=False,
    surface_depth_m=_NAN,
    contact_force_n=_NAN,
    needle_v_m_s=_NAN,
    needle_force_n=_NAN,
    needle_entry_m=_NAN,
    needle_tip_m=(_NAN,) * 3,
    zero_serial=0,
    zero_ok=True,
)
"""Before the arm was heard for the first time: nothing is known."""

NO_COMMAND = Command(
    seq=0,
    epoch=0,
    echo_ns=0,
    frame_id=0,
    dwell_us=0,
    deadman=False,
    clutch=False,
    deadman_edges=0,
    mode=0,
    hand_p_m=(0.0, 0.0, 0.0),
    hand_r_rad=(0.0, 0.0, 0.0),
    hand_v_m_s=(0.0, 0.0, 0.0),
    hand_w_rad_s=(0.0, 0.0, 0.0),
    force_ref_n=0.0,
    needle_v_m_s=0.0,
    handle=False,
    touch_echo=-1,
)
NO_PERMIT = Permit(
    incarnation=0,
    epoch=0,
    kind=PermitKind.NONE,
    state=State.INIT,
    issued_ns=0,
    valid_until_ns=0,
    v_max_m_s=0.0,
    v_contact_m_s=0.0,
    w_max_rad_s=0.0,
    f_max_n=0.0,
    travel_max_m=0.0,
    new_contact=False,
    needle_advance=False,
    ramp=0.0,
    engagement=0,
    command_stamp_ns=0,
    command=NO_COMMAND,
    needle_goal_m=0.0,
    needle_pivot_rad_s=0.0,
)
"""Before guard was heard for the first time: nothing is allowed."""


def arm_usable(now_ns: int, arm_seq: int, arm: ArmState, limits: Limits) -> bool:
    """Joints and pose are recent numbers."""
    silent = now_ns - arm.stamp_ns > limits.arm_silent_ms * _MS
    numbers = (*arm.q_rad, *arm.qd_rad_s, *arm.base_p_probe_m, *arm.base_q_probe)
    return arm_seq > 0 and not silent and all(map(math.isfinite, numbers))


def sensor_usable(now_ns: int, arm: ArmState, limits: Limits) -> bool:
    """The force reading is a recent number."""
    silent = now_ns - arm.force_stamp_ns > limits.force_sample_ms * _MS
    return arm.force_valid and not silent and all(map(math.isfinite, arm.force_n))
