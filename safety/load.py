"""How fast force rises and how much power goes into the patient, judged outside every control law.

Both over a span that sensor noise (0.05 N) cannot fill: 0.07 N over 20 ms are 3.5 N/s. The limits
are what the permitted motion can do: `v_contact_m_s` on the stiffest tissue, 30 mm/s * 5000 N/m =
150 N/s (docs/control.md); `force_cap_n` at `v_contact_m_s`, 20 N * 30 mm/s = 0.6 W. A power above
it is the arm's own doing: a patient who pushes against the probe takes energy out of the arm.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from safety.layout import Quat, Vec3
from safety.limits import Limits
from safety.messages import ArmState
from safety.states import Cause
from safety.transitions import mask

SPAN_NS = 20_000_000
"""Span of the slope and of the mean."""


def power_w(force_n: Vec3, q: Quat, base_v_m_s: Vec3) -> float:
    """Power (W) into the patient: force (probe frame) times velocity (base), base_q_probe xyzw."""
    x, y, z, w = q
    a, b, c = base_v_m_s
    # base -> probe with the conjugate: v + 2 w (v x u) + 2 u x (u x v), u = (x, y, z)
    tx, ty, tz = 2.0 * (b * z - c * y), 2.0 * (c * x - a * z), 2.0 * (a * y - b * x)
    moved = (
        a + w * tx + ty * z - tz * y,
        b + w * ty + tz * x - tx * z,
        c + w * tz + tx * y - ty * x,
    )
    return force_n[0] * moved[0] + force_n[1] * moved[1] + force_n[2] * moved[2]


@dataclass(slots=True)
class LoadWatch:
    """Slope of the axial force and mean power over `SPAN_NS` of readings."""

    samples: deque[tuple[int, float, float]] = field(default_factory=deque)
    """(stamp ns, axial force N, power W), oldest first; the first is at least the span old."""
    zero_serial: int = 0
    rate_n_s: float = 0.0
    power_w: float = 0.0

    def check(self, arm: ArmState, usable: bool, limits: Limits) -> int:
        """Take the newest reading; return the causes. `usable`: arm and sensor are to be believed.

        What is not finite has causes of its own.
        """
        if not usable or arm.zero_serial != self.zero_serial:
            self._forget(arm.zero_serial)
            return 0
        stamp_ns, force = arm.force_stamp_ns, arm.force_n[2]
        if self.samples and stamp_ns <= self.samples[-1][0]:
            return self._causes(force, limits)
        flow = power_w(arm.force_n, arm.base_q_probe, arm.base_v_probe_m_s)
        if not math.isfinite(flow):
            self._forget(arm.zero_serial)
            return 0
        self.samples.append((stamp_ns, force, flow))
        self._measure(stamp_ns, force)
        return self._causes(force, limits)

    def _measure(self, stamp_ns: int, force: float) -> None:
        begin_ns = stamp_ns - SPAN_NS
        while len(self.samples) > 1 and self.samples[1][0] <= begin_ns:
            self.samples.popleft()
        first_ns, first_n, _ = self.samples[0]
        if first_ns > begin_ns:
            self.rate_n_s = self.power_w = 0.0
            return
        self.rate_n_s = (force - first_n) / ((stamp_ns - first_ns) / 1e9)
        flows = [flow for _, _, flow in self.samples]
        self.power_w = sum(flows[1:]) / (len(flows) - 1)

    def _causes(self, force: float, limits: Limits) -> int:
        bits = 0
        if self.rate_n_s > limits.force_rate_n_s and force > limits.contact_on_n:
            bits |= mask(Cause.FORCE_RATE_OVER_LIMIT)
        if self.power_w > limits.contact_power_w:
            bits |= mask(Cause.CONTACT_POWER_OVER_LIMIT)
        return bits

    def _forget(self, zero_serial: int) -> None:
        self.samples.clear()
        self.zero_serial = zero_serial
        self.rate_n_s = self.power_w = 0.0
