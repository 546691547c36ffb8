"""The haptic leg at the robot: measured force and surface model into force frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from haptics.bilateral.fit import SurfaceFit
from haptics.bilateral.passivity import EnergyPort
from haptics.codec import FORCE, Encoder, Sample
from haptics.filters import LowPass
from haptics.vec import Vec, apply_transposed, column, dot, from_quat, norm, scale
from safety.messages import ArmState, ServoReport
from safety.states import ContactState
from transport.force_frame import ForceFrame, pack

NORMAL_S = 0.2
NORMAL_FORCE_N = 1.0
"""Below this the direction of the force says nothing about the surface."""
CONTACT = frozenset({ContactState.TOUCH, ContactState.PRESS})
GAP_S = 0.1
"""After a longer pause nothing is learned from the difference of two samples."""


@dataclass(slots=True)
class ReturnLeg:
    """Turns each new arm sample into a frame, when it is worth sending."""

    fit: SurfaceFit = field(default_factory=SurfaceFit)
    energy: EnergyPort = field(default_factory=EnergyPort)
    encoder: Encoder = field(default_factory=lambda: Encoder(FORCE))
    number: int = 0
    _tilt: tuple[LowPass, LowPass] = field(
        default_factory=lambda: (LowPass(NORMAL_S), LowPass(NORMAL_S))
    )
    _stamp_ns: int = -1
    _contact: bool = False
    _touch: int = -1
    _changed: bool = False

    def update(self, arm: ArmState, servo: ServoReport) -> ForceFrame | None:
        """Take the newest samples; return the frame to send, if any."""
        if arm.stamp_ns <= self._stamp_ns or not _known(arm):
            return None
        dt_s = (arm.stamp_ns - self._stamp_ns) / 1e9 if self._stamp_ns >= 0 else GAP_S
        self._stamp_ns = arm.stamp_ns
        valid = arm.force_valid and all(map(math.isfinite, arm.force_n))
        force = arm.force_n if valid else (0.0, 0.0, 0.0)
        rotation = from_quat(arm.base_q_probe)
        axis = column(rotation, 2)
        speed = apply_transposed(rotation, arm.base_v_probe_m_s)
        self._observe(servo, dot(arm.base_p_probe_m, axis), speed[2], force[2], dt_s)
        if dt_s < GAP_S:
            self.energy.flow(-dot(force, speed) * dt_s)
        inward = self._normal(force, dt_s)
        sample = Sample(arm.stamp_ns, (force[2], 0.0, 0.0))
        due = self.encoder.offer(sample)
        if not due and not self._changed:
            return None
        self._changed = False
        self.number += 1
        return self._frame(arm, servo, force[2], inward, valid)

    def _observe(
        self, servo: ServoReport, travel_m: float, v_m_s: float, force_n: float, dt_s: float
    ) -> None:
        contact = servo.contact in CONTACT
        if contact != self._contact or servo.touch != self._touch:
            self._changed = True
            if contact:
                self.fit.touch(travel_m, v_m_s, force_n)
        elif contact and dt_s < GAP_S:
            self.fit.update(travel_m, force_n, dt_s)
        self._contact, self._touch = contact, servo.touch

    def _normal(self, force_n: Vec, dt_s: float) -> Vec:
        """Inward normal from the direction of the force (friction is a tenth of it)."""
        size = norm(force_n)
        if self._contact and size > NORMAL_FORCE_N and force_n[2] > 0.0:
            for low_pass, part in zip(self._tilt, force_n[:2], strict=True):
                low_pass.update(part / force_n[2], dt_s)
        elif not self._contact:
            for low_pass in self._tilt:
                low_pass.reset(0.0)
        normal = (self._tilt[0].value, self._tilt[1].value, 1.0)
        return scale(normal, 1.0 / norm(normal))

    def _frame(
        self, arm: ArmState, servo: ServoReport, force_n: float, inward: Vec, valid: bool
    ) -> ForceFrame:
        reference = servo.force_ref_n if math.isfinite(servo.force_ref_n) else 0.0
        return ForceFrame(
            number=self.number,
            stamp_ns=arm.force_stamp_ns,
            contact=self._contact,
            force_valid=valid,
            touch=servo.touch,
            force_n=force_n,
            force_ref_n=reference,
            inward=(inward[0], inward[1], inward[2]),
            base_p_surface_m=arm.base_p_probe_m,
            stiffness_n_m=self.fit.k_n_m,
            damping_n_s_m=self.fit.b_n_s_m,
            energy_in_j=self.energy.in_j,
            energy_out_j=self.energy.out_j,
        )


def _known(arm: ArmState) -> bool:
    """The pose is measured."""
    pose = (*arm.base_p_probe_m, *arm.base_q_probe, *arm.base_v_probe_m_s)
    return all(map(math.isfinite, pose)) and 0.5 < math.hypot(*arm.base_q_probe) < 2.0


class HapticLeg:
    """Reads the mailboxes while somebody feels, and sends."""

    def __init__(
        self,
        arm: Callable[[], ArmState | None],
        servo: Callable[[], ServoReport | None],
        send: Callable[[bytes], None],
        wanted: Callable[[], bool],
    ) -> None:
        self._arm, self._servo, self._send, self._wanted = arm, servo, send, wanted
        self.leg = ReturnLeg()

    def tick(self) -> None:
        """Send what is due."""
        if not self._wanted():
            return
        arm, servo = self._arm(), self._servo()
        if arm is None or servo is None:
            return
        frame = self.leg.update(arm, servo)
        if frame is not None:
            self._send(pack(frame))
