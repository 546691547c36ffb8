"""Seeded freehand motion with a sonographer's mean speed, acceleration and jerk.

Stands in where no tracked recording is at hand. Statistics of 17 mid-trimester scans (PubMed
38705008). Three bands of random sinusoids - strokes, corrections, tremor - carry the three means:
with isotropic Gaussian motion the mean of speed, acceleration and jerk scale alike with their rms,
so the powers of the bands solve a 3 x 3 linear system.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from teleop.scripted.hand import HandPose
from transport.impair import Noise

RAYLEIGH = math.sqrt(math.pi) / 2.0
"""Mean over rms of the length of a two-dimensional Gaussian vector."""
BANDS_RAD_S = (1.6, 10.0, 56.5)
"""Strokes 0.25 Hz, corrections 1.6 Hz, physiological tremor 9 Hz."""
SPREAD = 0.15
"""Frequencies of a band lie within this part of its centre."""
TONES = 6
TILT_RAD = 0.04
TILT_RAD_S = 0.5


@dataclass(frozen=True, slots=True)
class Sonographer:
    """Mean magnitudes over a scan."""

    speed_m_s: float
    acceleration_m_s2: float
    jerk_m_s3: float


CONSULTANT = Sonographer(0.0129, 0.170, 7.5)
FELLOW = Sonographer(0.0246, 0.329, 14.9)


@dataclass(frozen=True, slots=True)
class Tone:
    """One sinusoid of position."""

    amplitude_m: float
    rate_rad_s: float
    phase_rad: float

    def at(self, t_s: float) -> float:
        """Value at `t_s`, zero at the start."""
        angle = self.rate_rad_s * t_s + self.phase_rad
        return self.amplitude_m * (math.sin(angle) - math.sin(self.phase_rad))


def band_speeds(who: Sonographer) -> tuple[float, float, float]:
    """Speed rms (m/s) of each band; ValueError: no mixture of the bands has these means."""
    rms = [m / RAYLEIGH for m in (who.speed_m_s, who.acceleration_m_s2, who.jerk_m_s3)]
    v2, a2, j2 = (value * value for value in rms)
    x, y, z = (w * w for w in BANDS_RAD_S)
    # Vandermonde system in the squares of the band rates: sum p = v2, sum x p = a2, sum x^2 p = j2.
    slow = (j2 - (y + z) * a2 + y * z * v2) / ((x - y) * (x - z))
    middle = (j2 - (x + z) * a2 + x * z * v2) / ((y - x) * (y - z))
    fast = (j2 - (x + y) * a2 + x * y * v2) / ((z - x) * (z - y))
    if min(slow, middle, fast) < 0.0:
        raise ValueError(f"no mixture of {BANDS_RAD_S} rad/s moves like {who}")
    return math.sqrt(slow), math.sqrt(middle), math.sqrt(fast)


class Freehand:
    """`Path` without an end: x lateral, y elevational, gentle rocking."""

    length_s = math.inf

    def __init__(self, seed: int, who: Sonographer = CONSULTANT, scale: float = 1.0) -> None:
        noise = Noise(seed)
        speeds = band_speeds(who)
        self._x = [t for band in range(3) for t in _band(noise, band, speeds[band] * scale)]
        self._y = [t for band in range(3) for t in _band(noise, band, speeds[band] * scale)]
        self._tilts = [
            Tone(TILT_RAD, TILT_RAD_S * (0.7 + 0.6 * noise.uniform()), 0.0) for _ in range(2)
        ]

    def at(self, s: float) -> HandPose:
        """Pose at scan time `s`."""
        x = sum([t.at(s) for t in self._x])
        y = sum([t.at(s) for t in self._y])
        rx, ry = (t.at(s) for t in self._tilts)
        return HandPose((x, y, 0.0), (rx, ry, 0.0))


def _band(noise: Noise, band: int, speed_rms_m_s: float) -> list[Tone]:
    """Tones of one axis: half of the band's power, spread evenly."""
    peak = speed_rms_m_s / math.sqrt(TONES)
    tones = []
    for _ in range(TONES):
        rate = BANDS_RAD_S[band] * (1.0 + SPREAD * (2.0 * noise.uniform() - 1.0))
        tones.append(Tone(peak / rate, rate, 2.0 * math.pi * noise.uniform()))
    return tones
