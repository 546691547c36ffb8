"""The KUKA LBR iiwa with a convex probe on the flange, as kinematic data.

Joint origins and limits: `kuka_iiwa/model.urdf` of pybullet_data (the URDF writes pi/2 and pi with
11 digits; so do we, because the simulation uses that file). Masses and inertias: the same file; the
maker publishes none. Joint speeds: a third of the maker's
data sheet (LBR iiwa 7: 98 to 180 deg/s), more than enough for 0.1 m/s at the probe.
"""

from __future__ import annotations

from haptics.dynamics import ArmModel, Body
from haptics.kinematics import Chain, Joint, rpy

_HALF_PI = 1.57079632679
_PI = 3.14159265359
_WIDE = 2.96705972839
_NARROW = 2.09439510239
_LAST = 3.05432619099
_SPEED_RAD_S = 1.0

FLANGE_P_PROBE_M = (0.0, 0.0, 0.215)
"""Face of the probe from the last link: 45 mm to the flange face, 170 mm probe with its holder."""
FLANGE_RPY_PROBE = (0.0, 0.0, _PI)
PROBE_FACE_RADIUS_M = 0.06
"""The face of a convex abdominal array is a part of a sphere."""
PROBE_P_GUIDE_M = (0.060, 0.0, -0.045)
"""Home of the needle tip on the guide of the probe bracket, probe frame: picture right. The needle
passes 9 mm beside the edge of the array (30 mm from the centre) and crosses the picture's centre
line 59 mm deep."""
PROBE_ENTRY_M = 0.047
"""Depth from home at which the needle meets the skin beside a pressed probe (4 mm behind its face)
is nominal: the real skin may be some millimetres off."""
PROBE_GUIDE_AXIS = (-0.5, 0.0, 0.8660254037844386)
"""Insertion axis: in the image plane, 30 degrees to the probe axis, towards the picture centre."""

START_RAD = (0.0, 0.57696, 0.0, -1.49453, 0.0, 1.07010, 0.0)
"""Probe face 0.58 m in front of the base, 0.224 m high (60 mm over the demo patient), level."""


def _joint(
    xyz: tuple[float, float, float], angles: tuple[float, float, float], limit: float
) -> Joint:
    return Joint(xyz, rpy(*angles), -limit, limit, _SPEED_RAD_S)


IIWA = Chain(
    name="iiwa",
    joints=(
        _joint((0.0, 0.0, 0.1575), (0.0, 0.0, 0.0), _WIDE),
        _joint((0.0, 0.0, 0.2025), (_HALF_PI, 0.0, _PI), _NARROW),
        _joint((0.0, 0.2045, 0.0), (_HALF_PI, 0.0, _PI), _WIDE),
        _joint((0.0, 0.0, 0.2155), (_HALF_PI, 0.0, 0.0), _NARROW),
        _joint((0.0, 0.1845, 0.0), (-_HALF_PI, _PI, 0.0), _WIDE),
        _joint((0.0, 0.0, 0.2155), (_HALF_PI, 0.0, 0.0), _NARROW),
        _joint((0.0, 0.081, 0.0), (-_HALF_PI, _PI, 0.0), _LAST),
    ),
    flange_p_tool_m=FLANGE_P_PROBE_M,
    flange_rot_tool=rpy(*FLANGE_RPY_PROBE),
    rest_rad=START_RAD,
)
"""Chain from the arm base to the probe face."""

PROBE = Body(0.35, (0.0, 0.0, -0.09), (9e-4, 9e-4, 1.5e-4))
"""Probe with holder: 0.35 kg, centre of mass behind the face, a rod of 170 mm."""

IIWA_MODEL = ArmModel(
    chain=IIWA,
    links=(
        Body(4.0, (0.0, -0.03, 0.12), (0.1, 0.09, 0.02)),
        Body(4.0, (0.0003, 0.059, 0.042), (0.05, 0.018, 0.044)),
        Body(3.0, (0.0, 0.03, 0.13), (0.08, 0.075, 0.01)),
        Body(2.7, (0.0, 0.067, 0.034), (0.03, 0.01, 0.029)),
        Body(1.7, (0.0001, 0.021, 0.076), (0.02, 0.018, 0.005)),
        Body(1.8, (0.0, 0.0006, 0.0004), (0.005, 0.0036, 0.0047)),
        Body(0.3, (0.0, 0.0, 0.02), (0.001, 0.001, 0.001)),
    ),
    tool=PROBE,
    friction_nm_s_rad=0.5,
)
"""The arm with the probe, for torque control."""
