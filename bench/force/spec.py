"""Parameters of the force bench's cases, as they are stored with the results."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from haptics.force_law import ForceOptions


class Kind(StrEnum):
    """What is done with the probe."""

    HOLD = "hold"
    TOUCH = "touch"
    SCAN = "scan"
    FREEHAND = "freehand"
    FREE = "free"
    LINK_LOST = "link-lost"
    SYSTEM_LOST = "system-link-lost"
    """The same with guard, pages and scripted people in the loop."""
    REAL_TIME = "real-time"
    """Breathing and scan in the real processes, beside the virtual clock."""


class Law(StrEnum):
    """Which arm, and so which law."""

    VELOCITY = "position"
    TORQUE = "torque"


class Ablation(StrEnum):
    """What is switched off."""

    NONE = ""
    ADAPTATION = "no-adaptation"
    FEED_FORWARD = "no-feed-forward"
    RAMP = "no-ramp"
    PLAIN = "plain"
    """Fixed gains, no feed-forward, no integral: plain force control."""


OPTIONS: dict[Ablation, ForceOptions] = {
    Ablation.NONE: ForceOptions(),
    Ablation.ADAPTATION: ForceOptions(adapt=False),
    Ablation.FEED_FORWARD: ForceOptions(feed_forward=False),
    Ablation.RAMP: ForceOptions(ramp=False),
    Ablation.PLAIN: ForceOptions(adapt=False, feed_forward=False, integrate=False),
}


class Spec(msgspec.Struct, frozen=True):
    """One case."""

    kind: Kind
    law: Law
    stiffness_n_m: float = 1000.0
    reference_n: float = 5.0
    breathing_m: float = 0.0
    breathing_hz: float = 0.25
    relief_m: float = 0.0
    scan_m_s: float = 0.0
    exponent: float = 1.0
    control_hz: int = 1000
    command_hz: int = 200
    seconds: float = 8.0
    """Measured time, after settling."""
    delay_ms: float = 0.0
    """More delay in the control loop."""
    losses: int = 12
    """Moments at which the link is cut, one landing each."""
    ablation: Ablation = Ablation.NONE
    trajectory: str = ""
    """A tracked recording (.igs.mha); empty: the seeded generator."""
    seed: int = 1
