"""Can the measured pose be true? Jumps that no velocity explains, joints that never move (pure).

Guard sees the arm only through what its box measures; encoders that freeze or jump would blind all
of its other checks of motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from safety.layout import Vec3, Vec7
from safety.messages import ArmState

MS = 1_000_000
STEP_M = 0.003
"""A step beyond what the velocity explains: 6 m/s2 over `SPAN_NS` make 1.2 mm."""
SPAN_NS = 20 * MS
"""Samples farther apart are not compared; a silent arm has its own cause."""
ASKED_M_S = 0.002
"""Servo asks for at least this speed: 0.2 mm in `STUCK_NS`, some 2e-4 rad at 0.8 m, many steps of
an encoder. (At 5 mm/s a regulated arm crept on at 4.4 mm/s behind frozen joints, unnoticed.)"""
STUCK_NS = 100 * MS
"""As for the force sensor: identical readings for so long are no readings."""
DEAD_NS = 20 * MS
"""An arm may begin to follow that late: as long as a silent one is believed (`arm_silent_ms`)."""
STUCK_M = 0.0004
"""Way asked for after which the joints must read otherwise: 0.02 m/s for `DEAD_NS`. The faster the
motion, the less of it happens unseen: at 50 mm/s 1 mm, where `STUCK_NS` alone allows 5 mm."""


@dataclass(slots=True)
class PoseWatch:
    """Compares each sample with the one before."""

    stamp_ns: int = 0
    base_p_m: Vec3 = (0.0, 0.0, 0.0)
    q_rad: Vec7 = (0.0,) * 7
    still_since_ns: int = 0
    """Since when the joints read the same although motion is asked for; 0: they do not."""
    asked_m: float = 0.0
    """Way asked for since then, by the speed asked for at each sample."""

    def implausible(self, arm: ArmState, asked_m_s: float, now_ns: int) -> bool:
        """Take a fresh sample; `asked_m_s` is what servo orders now, 0 under brakes."""
        if arm.stamp_ns == self.stamp_ns:
            return False
        jumped = self._jumped(arm)
        stuck = self._stuck(arm, asked_m_s, now_ns)
        self.stamp_ns, self.base_p_m, self.q_rad = arm.stamp_ns, arm.base_p_probe_m, arm.q_rad
        return jumped or stuck

    def _jumped(self, arm: ArmState) -> bool:
        span_ns = arm.stamp_ns - self.stamp_ns
        if self.stamp_ns == 0 or not 0 < span_ns <= SPAN_NS:
            return False
        explained_m = math.hypot(*arm.base_v_probe_m_s) * span_ns / 1e9
        return math.dist(arm.base_p_probe_m, self.base_p_m) > explained_m + STEP_M

    def _stuck(self, arm: ArmState, asked_m_s: float, now_ns: int) -> bool:
        if asked_m_s < ASKED_M_S or arm.braked or arm.q_rad != self.q_rad:
            self.still_since_ns, self.asked_m = 0, 0.0
            return False
        if self.still_since_ns == 0:
            self.still_since_ns = now_ns
        else:
            self.asked_m += asked_m_s * (arm.stamp_ns - self.stamp_ns) / 1e9
        still_ns = now_ns - self.still_since_ns
        return still_ns >= STUCK_NS or (still_ns >= DEAD_NS and self.asked_m >= STUCK_M)
