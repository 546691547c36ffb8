"""The robot's normal axis on a surface: as position servo (literature) and as our servo has it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from haptics.admittance import Admittance
from haptics.bilateral.fit import SurfaceFit
from haptics.bilateral.touch_cap import TouchCap
from haptics.contact import PRESSING, ContactInputs, ContactMonitor
from haptics.filters import LowPass
from haptics.force_law import AxisSample
from safety.states import ContactState
from transport.impair import Noise

MASS_KG = 2.0
SERVO_N_M = 2500.0
SERVO_N_S_M = 2.0 * 0.7 * math.sqrt(SERVO_N_M * MASS_KG)
"""Position servo of the bilateral literature's one-axis robot (damping ratio 0.7)."""
ARM_BANDWIDTH_HZ = 30.0
"""Velocity servo of an arm (`robot_sim/joint_servo.py`)."""
SENSOR_DELAY_CYCLES = 3
SENSOR_TAU_S = 1.0 / (2.0 * math.pi * 50.0)
NOISE_N = 0.05
INTO_M_S = 0.03
RETREAT_M_S = 0.03
PRESS_M_S = 0.02
LIFT_M_S = 0.01
FOLLOW_1_S = 25.0
"""As `haptics/setpoint.py` and `teleop/servo/normal_axis.py`."""
SLIP_M = 0.0015
WANT_CONTACT_N = 0.5
REGULATE_N = 5.0
"""`regulate_force_n` of the limits."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Skin: linear spring and damper that never pulls, breathing."""

    stiffness_n_m: float = 1000.0
    damping_n_s_m: float = 10.0
    at_m: float = 0.005
    breathing_m: float = 0.0
    """Peak to peak."""
    breathing_hz: float = 0.25

    def force_n(self, p_m: float, v_m_s: float, time_s: float) -> float:
        """Force on the patient."""
        w = 2.0 * math.pi * self.breathing_hz
        lift = 0.5 * self.breathing_m * (1.0 - math.cos(w * time_s))
        lift_rate = 0.5 * self.breathing_m * w * math.sin(w * time_s)
        depth = p_m - self.at_m + lift
        if depth <= 0.0:
            return 0.0
        return max(0.0, self.stiffness_n_m * depth + self.damping_n_s_m * (v_m_s + lift_rate))


@dataclass(slots=True)
class Sensor:
    """Force as the robot's control sees it: 3 ms late, 50 Hz low-pass, 0.05 N rms of noise."""

    noise: Noise
    _line: deque[float] = field(default_factory=lambda: deque([0.0] * SENSOR_DELAY_CYCLES))
    _low_pass: LowPass = field(default_factory=lambda: LowPass(SENSOR_TAU_S))

    def measure(self, force_n: float, dt_s: float) -> float:
        """Feed the true force; return the sample of this cycle."""
        sign = 1.0 if self.noise.uniform() < 0.5 else -1.0
        self._line.append(force_n + sign * NOISE_N * self.noise.half_normal())
        return self._low_pass.update(self._line.popleft(), dt_s)


@dataclass(slots=True)
class PositionRobot:
    """2 kg behind a 2500 N/m servo, as in comparisons of bilateral schemes."""

    surface: Surface
    sensor: Sensor
    p_m: float = 0.0
    v_m_s: float = 0.0
    force_n: float = 0.0
    """True contact force."""
    measured_n: float = 0.0

    def step(self, p_wanted_m: float, v_wanted_m_s: float, time_s: float, dt_s: float) -> None:
        """Advance by `dt_s` towards the wanted position."""
        self.force_n = self.surface.force_n(self.p_m, self.v_m_s, time_s)
        drive = SERVO_N_M * (p_wanted_m - self.p_m) + SERVO_N_S_M * (v_wanted_m_s - self.v_m_s)
        self.v_m_s += (drive - self.force_n) / MASS_KG * dt_s
        self.p_m += self.v_m_s * dt_s
        self.measured_n = self.sensor.measure(self.force_n, dt_s)


@dataclass(slots=True)
class ForceRobot:
    """Our robot: the hand moves the axis in free space, force is closed locally in contact."""

    surface: Surface
    sensor: Sensor
    p_m: float = 0.0
    v_m_s: float = 0.0
    force_n: float = 0.0
    measured_n: float = 0.0
    contact: ContactMonitor = field(default_factory=ContactMonitor)
    law: Admittance = field(default_factory=Admittance)
    touch: TouchCap = field(default_factory=TouchCap)
    fit: SurfaceFit = field(default_factory=SurfaceFit)
    touch_cap: bool = True
    """False (ablation): until the hand feels the touch, its motion presses like a servo's."""
    target_m: float = 0.0
    _lost_m: float = 0.0
    _ceiling_n: float = math.inf
    """Reference that HOLD does not exceed."""
    _touch_m: float = 0.0
    """Hand position at the last landing."""
    _anchor_m: float = 0.0
    """Hand position that belongs to `target_m`."""

    def step(
        self, hand_m: float, hand_m_s: float, reference_n: float, echo: int, now_ns: int,
        dt_s: float, *, hold: bool = False,
    ) -> None:  # fmt: skip
        """Advance by `dt_s` with the hand as the newest command tells it.

        `hold`: guard's HOLD, as servo regulates it: never above the force when it began, nor 5 N.
        """
        self.force_n = self.surface.force_n(self.p_m, self.v_m_s, now_ns / 1e9)
        self.measured_n = self.sensor.measure(self.force_n, dt_s)
        goal_n = self.touch.reference_n(reference_n, echo)
        if not self.touch_cap and self.touch.touching and echo != self.touch.touch:
            goal_n = SERVO_N_M * max(0.0, hand_m - self._touch_m)
        if not hold:
            self._ceiling_n = math.inf
        elif math.isinf(self._ceiling_n):
            self._ceiling_n = min(self.law.reference_n, max(0.0, self.measured_n), REGULATE_N)
            self.law.reference_n = self._ceiling_n
        goal_n = min(goal_n, self._ceiling_n)
        self._track(goal_n >= WANT_CONTACT_N, now_ns, dt_s)
        wanted = self._speed(hand_m, hand_m_s, goal_n, dt_s)
        gain = 1.0 - math.exp(-2.0 * math.pi * ARM_BANDWIDTH_HZ * dt_s)
        self.v_m_s += gain * (wanted - self.v_m_s)
        self.p_m += self.v_m_s * dt_s

    def _track(self, seek: bool, now_ns: int, dt_s: float) -> None:
        before = self.contact.state
        self.contact.update(
            ContactInputs(
                now_ns=now_ns,
                force_n=self.measured_n,
                error_n=self.law.reference_n - self.measured_n,
                seek=seek,
                lost_travel_m=self.p_m - self._lost_m if before is ContactState.LOST else 0.0,
            )
        )
        pressing = self.contact.state in PRESSING
        if pressing and before not in PRESSING:
            self.law.engage(self.measured_n)
            self.law.stiffness.start(self.p_m, self.measured_n)
            self.fit.touch(self.p_m, self.v_m_s, self.measured_n)
            self._touch_m = self._anchor_m
        if before in PRESSING and not pressing:
            self._lost_m = self.p_m
        self.touch.observe(self.contact.state is not ContactState.FREE, new_contact=True)
        if pressing:
            landing = self.contact.state is ContactState.TOUCH
            self.law.stiffness.update(self.p_m, self.measured_n, dt_s, landing=landing)
            self.fit.update(self.p_m, self.measured_n, dt_s)

    def _speed(self, hand_m: float, hand_m_s: float, goal_n: float, dt_s: float) -> float:
        moved, self._anchor_m = hand_m - self._anchor_m, hand_m
        if self.contact.state in PRESSING:
            self.target_m = self.p_m
            if goal_n < WANT_CONTACT_N:
                return -LIFT_M_S
            self.law.ramp(goal_n, dt_s)
            settled = self.contact.state is ContactState.PRESS
            sample = AxisSample(
                self.measured_n, self.v_m_s, 0.0, 0.0, -RETREAT_M_S, PRESS_M_S, dt_s, settled
            )
            return self.law.command(sample).v_m_s
        if self.contact.state is not ContactState.FREE and goal_n >= WANT_CONTACT_N:
            self.target_m = self.p_m
            return LIFT_M_S
        self.target_m += moved
        lead = max(-SLIP_M, min(SLIP_M, self.target_m - self.p_m))
        self.target_m = self.p_m + lead
        return min(INTO_M_S, hand_m_s + FOLLOW_1_S * lead)
