"""Force rendering fades out when the haptic leg is late, and comes back gently.

Policy: haptic leg over 50 ms, force to the expert ramps to zero; motion policy unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

OUT_S = 0.1
"""To zero: too quick for a push, slow enough not to be a knock."""
IN_S = 0.3
"""Back to full, as after a clutch."""
SILENT_NS = 50_000_000
"""No force frame for this long: five keep-alives of 10 ms are missing."""


@dataclass(slots=True)
class Fade:
    """Gain of the rendered force, 0..1."""

    gain: float = 0.0

    def update(self, wanted: bool, dt_s: float) -> float:
        """Move towards full (`wanted`) or zero; return the gain."""
        if wanted:
            self.gain = min(1.0, self.gain + dt_s / IN_S)
        else:
            self.gain = max(0.0, self.gain - dt_s / OUT_S)
        return self.gain


def leg_ok(leg_ms: float, limit_ms: float, silent_ns: int) -> bool:
    """True while forces may be rendered: the leg is known, timely, and frames arrive."""
    return 0.0 <= leg_ms <= limit_ms and 0 <= silent_ns <= SILENT_NS
