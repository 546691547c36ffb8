"""The CRTK views of an arm whose newest sample is one `ArmState`; drivers build on it."""

from __future__ import annotations

from safety.layout import Quat, Vec3, Vec7
from safety.messages import ArmCommand, ArmState
from teleop.drivers.arm import ArmError, OperatingState


class SampledArm:
    """Remembers the newest sample (`keep` it in `receive`) and answers from it."""

    _newest: ArmState | None = None

    def keep(self, sample: ArmState) -> ArmState:
        """Make `sample` the newest; return it."""
        self._newest = sample
        return sample

    def operating_state(self) -> OperatingState:
        """State of the arm in the newest sample."""
        arm = self._newest
        if arm is None:
            return OperatingState.FAULT
        if not arm.powered:
            return OperatingState.DISABLED
        return OperatingState.PAUSED if arm.braked else OperatingState.ENABLED

    def measured_js(self) -> tuple[Vec7, Vec7]:
        """Joint angles (rad) and rates (rad/s)."""
        return self._sample().q_rad, self._sample().qd_rad_s

    def measured_cp(self) -> tuple[Vec3, Quat]:
        """Pose of the probe face in the base frame (m, xyzw)."""
        return self._sample().base_p_probe_m, self._sample().base_q_probe

    def measured_cv(self) -> tuple[Vec3, Vec3]:
        """Linear and angular velocity of the probe face, base frame (m/s, rad/s)."""
        return self._sample().base_v_probe_m_s, self._sample().base_w_probe_rad_s

    def measured_cf(self) -> tuple[Vec3, Vec3]:
        """Force and torque on the patient, probe frame (N, Nm)."""
        return self._sample().force_n, self._sample().torque_nm

    def servo_jf(self, command: ArmCommand) -> ArmCommand:
        """Arms with a velocity interface only refuse torques."""
        raise ArmError("this arm has no torque interface; choose another arm.driver")

    def close(self) -> None:
        """Nothing to let go of."""

    def _sample(self) -> ArmState:
        if self._newest is None:
            raise ArmError("the arm was not heard from yet; start its box first")
        return self._newest
