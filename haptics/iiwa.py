"""The KUKA LBR iiwa with a convex probe on the flange, as kinematic data.

Joint origins and limits: `kuka_iiwa/model.urdf` of pybullet_data (the URDF writes pi/2 and pi with
11 digits; so do we, because the simulation uses that file). Joint speeds: a third of the maker's
data sheet (LBR iiwa 7: 98 to 180 deg/s), more than enough for 0.1 m/s at the probe.
"""

from __future__ import annotations

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
PROBE_P_GUIDE_M = (0.035, 0.0, -0.06)
"""Home of the needle tip on the guide of the probe bracket, probe frame: picture right."""
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
