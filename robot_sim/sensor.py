"""Wrist force sensor model: noise, low-pass and delay, with faults for tests.

Default figures: noise 0.05 N rms, 3 ms delay, 50 Hz low-pass (reference: control results were
measured with these).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

NOISE_FORCE_N = 0.05
NOISE_TORQUE_NM = 0.002
DELAY_NS = 3_000_000
CUTOFF_HZ = 50.0
BIAS_N = -10.0
"""A reading that is too small is the dangerous direction: the arm would press harder."""
_BLOCK = 2048

Wrench = tuple[float, ...]
"""Force x, y, z (N) and torque x, y, z (Nm), probe frame, exerted on the patient."""


class SensorFault(IntEnum):
    """What can be wrong with the sensor; set on `ForceSensor.fault`."""

    NONE = 0
    NAN = 1
    """Readings are not numbers, the valid flag stays set (a driver that does not check)."""
    STUCK = 2
    """The same sample again and again, with fresh stamps."""
    SILENT = 3
    """No new sample: the stamp stays."""
    INVALID = 4
    """The sensor itself says that it is not valid."""
    BIAS = 5
    """`BIAS_N` is added along z."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading."""

    wrench: Wrench
    stamp_ns: int
    """When the force acted."""
    valid: bool


class ForceSensor:
    """Feed it the true wrench at each physics step; read what the wrist would report."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._noise: list[list[float]] = []
        self._low: Wrench = (0.0,) * 6
        self._line: deque[tuple[int, Wrench]] = deque()
        self._out = Sample((0.0,) * 6, 0, False)
        self._held = self._out
        self.fault = SensorFault.NONE

    def _next_noise(self) -> list[float]:
        if not self._noise:
            sigma = [NOISE_FORCE_N] * 3 + [NOISE_TORQUE_NM] * 3
            self._noise = self._rng.normal(0.0, sigma, (_BLOCK, 6)).tolist()
        return self._noise.pop()

    def push(self, now_ns: int, dt_s: float, true_wrench: Wrench) -> None:
        """Take one sample of the true wrench at `now_ns`."""
        gain = 1.0 - math.exp(-2.0 * math.pi * CUTOFF_HZ * dt_s)
        self._low = tuple(
            low + gain * (true + noise - low)
            for low, true, noise in zip(self._low, true_wrench, self._next_noise(), strict=True)
        )
        self._line.append((now_ns, self._low))
        while self._line and self._line[0][0] <= now_ns - DELAY_NS:
            stamp_ns, wrench = self._line.popleft()
            self._out = Sample(wrench, stamp_ns, True)

    def read(self) -> Sample:
        """The newest sample that has left the sensor, with the fault applied."""
        out, held = self._out, self._held
        match self.fault:
            case SensorFault.NONE:
                self._held = out
                return out
            case SensorFault.SILENT:
                return held
            case SensorFault.STUCK:
                return Sample(held.wrench, out.stamp_ns, out.valid)
            case SensorFault.NAN:
                return Sample((math.nan,) * 6, out.stamp_ns, out.valid)
            case SensorFault.INVALID:
                return Sample(out.wrench, out.stamp_ns, False)
            case SensorFault.BIAS:
                x, y, z, *torque = out.wrench
                return Sample((x, y, z + BIAS_N, *torque), out.stamp_ns, out.valid)
