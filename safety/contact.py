"""What safety knows about contact and instrument; what it does not know counts as a needle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from safety.layout import Vec3
from safety.limits import Limits
from safety.messages import ArmState
from safety.states import Contact, Instrument

MS = 1_000_000
STEP_SPAN_MS = 5.0
"""Time over which `force_step_n` is more than tissue can do; longer gaps allow more in proportion.
"""
AIR_N = 3.0
"""A probe in the air reads less: the stored bias may be off by this much (design, section 7)."""
NEEDLE_HOME_M = 0.0005
"""The axis measures home below this insertion (resolution of a guide's encoder)."""


@dataclass(slots=True)
class ContactWatch:
    """Force sensor validity, touch with hysteresis, declared instrument."""

    valid_since_ns: int = 0
    """0: not valid."""
    force_n: Vec3 = (0.0, 0.0, 0.0)
    changed_ns: int = 0
    """When the reading last changed: a sensor with identical samples is stuck."""
    stamp_ns: int = 0
    """Of the newest reading."""
    bias_trusted: bool = True
    """False after a step that no contact explains, until declared with the probe in the air."""
    zero_serial: int = 0
    """Newest force zero that the arm finished."""
    touching: bool = False
    instrument: Instrument = Instrument.UNKNOWN
    needle_clear: bool = False
    """The bedside confirmed it clear of the patient while its axis measured home."""
    needle_home: bool = False

    def update(self, arm: ArmState, fresh: bool, now_ns: int, limits: Limits) -> None:
        """Take the newest arm state; `fresh` false: the arm is silent."""
        force = arm.force_n
        if arm.zero_serial != self.zero_serial:
            # A new zero moves the reading; when the box took it, the bias is known again.
            self.bias_trusted = self.bias_trusted or arm.zero_ok
            self.zero_serial = arm.zero_serial
        elif self.valid_since_ns and self._stepped(arm, limits):
            self.bias_trusted = False
        self.stamp_ns = arm.force_stamp_ns
        if force != self.force_n:
            self.force_n = force
            self.changed_ns = now_ns
        good = (
            fresh
            and self.bias_trusted
            and arm.force_valid
            and all(map(math.isfinite, force))
            # Against the arm's own stamp: a silent arm has its own cause.
            and arm.stamp_ns - arm.force_stamp_ns <= limits.force_sample_ms * MS
            and now_ns - self.changed_ns <= limits.force_stuck_ms * MS
        )
        if not good:
            self.valid_since_ns = 0
        elif self.valid_since_ns == 0:
            self.valid_since_ns = now_ns
        if good:
            level = math.hypot(*force)
            self.touching = level > (limits.contact_off_n if self.touching else limits.contact_on_n)
        self.needle_home = fresh and abs(arm.needle_depth_m) <= NEEDLE_HOME_M  # NaN: not home
        self.needle_clear = self.needle_clear and self.needle_home

    def _stepped(self, arm: ArmState, limits: Limits) -> bool:
        """The reading jumped faster than tissue can push: its bias has changed."""
        span_ms = (arm.force_stamp_ns - self.stamp_ns) / MS
        change_n = math.dist(arm.force_n, self.force_n)
        # What is not finite is invalid anyway, and no bias.
        return limits.force_step_n * max(1.0, span_ms / STEP_SPAN_MS) < change_n < math.inf

    def sensor_ok(self) -> bool:
        """The reading can be used in this step."""
        return self.valid_since_ns > 0

    def force_level_n(self) -> float:
        """Magnitude of a usable reading, else 0 (the sensor's own cause covers that)."""
        return math.hypot(*self.force_n) if self.sensor_ok() else 0.0

    def contact(self, now_ns: int, limits: Limits) -> Contact:
        """What is known right now."""
        settled = now_ns - self.valid_since_ns >= limits.force_valid_ms * MS
        if self.instrument == Instrument.UNKNOWN or not self.sensor_ok() or not settled:
            return Contact.UNKNOWN
        if self.instrument == Instrument.PROBE_NEEDLE and not self.needle_clear:
            return Contact.NEEDLE_IN_TISSUE
        return Contact.SKIN if self.touching else Contact.NONE

    def declare(self, instrument: Instrument) -> None:
        """The bedside says what is mounted."""
        self.instrument = instrument
        self.needle_clear = False
        # The bedside declares with the probe in the air; a bias would show there.
        self.bias_trusted = self.bias_trusted or math.hypot(*self.force_n) <= AIR_N

    def power_cycled(self) -> None:
        """A declaration is good for one power-on."""
        self.declare(Instrument.UNKNOWN)
