"""Faults that only the force-rate and power guards of `safety/load.py` notice in time."""

from __future__ import annotations

from dataclasses import replace

from bench.faults.act import lie, order
from bench.faults.model import LATCHED, STOPPED, Fault, Group, Invariant
from bench.world import World
from haptics.diff_ik import solve_rates
from haptics.iiwa import IIWA
from haptics.kinematics import solve
from haptics.vec import ZERO, column, from_quat, scale
from safety.messages import ArmCommand, ArmState
from safety.states import Cause

RISE_N_S = 250.0
PRESS_M_S = 0.05
"""Below the speed check: sqrt(30^2 + 20^2) + 20 mm/s."""


def _rises(arm: ArmState, t_s: float) -> ArmState:
    """The reading climbs, too slowly for a step of the bias."""
    x, y, z = arm.force_n
    return replace(arm, force_n=(x, y, z + RISE_N_S * t_s))


def _presses_on(command: ArmCommand, world: World, t_s: float) -> ArmCommand:
    """Servo drives the probe into the patient, just slower than the speed check allows."""
    arm = world.site.arm.value
    into = scale(column(from_quat(arm.base_q_probe), 2), PRESS_M_S)
    rates = solve_rates(IIWA, solve(IIWA, arm.q_rad), arm.q_rad, into, ZERO)
    return replace(command, qd_rad_s=rates.qd_rad_s, brake=False)


LOAD_ROWS: tuple[Fault, ...] = (
    Fault("force rises by 250 N/s", lie(_rises), STOPPED,
          frozenset({Cause.FORCE_RATE_OVER_LIMIT}), 26, 90, Group.SENSOR,
          needs=frozenset({"arm", "reading"}), note="as if somebody were hit"),
    Fault("servo presses on at 50 mm/s", order(_presses_on), LATCHED,
          frozenset({Cause.CONTACT_POWER_OVER_LIMIT}), 600, 700, Group.ARM,
          blinds=frozenset({Invariant.I5, Invariant.I6}), takes=frozenset({"servo"}),
          needs=frozenset({"servo", "reading"}),
          note="too slow for the speed check, stopped before 25 N"),
)  # fmt: skip
