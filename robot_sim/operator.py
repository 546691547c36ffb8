"""A simulated person at a haptic handle: hand impedance, tremor, reaction time, an intention.

The hand is a spring and damper between where the person means to be and the grip (de Vlugt et al.
2002: 100 to 1000 N/m depending on how firmly it is held); physiological tremor moves the aim at
8 to 12 Hz. What the person feels changes the aim only after the reaction time. One axis, positive
into the patient; SI units.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

DT_FELT_S = 0.01
"""Felt force is remembered in steps of 10 ms."""


@dataclass(frozen=True, slots=True)
class Hand:
    """A person's hand and the moving part of the handle."""

    stiffness_n_m: float = 300.0
    damping_n_s_m: float = 12.0
    grip_mass_kg: float = 0.15
    grip_damping_n_s_m: float = 2.0
    """Friction of the handle itself."""
    tremor_m: float = 0.0005
    """Amplitude of the tremor of the aim."""
    tremor_hz: float = 9.0
    tremor_phase_rad: float = 0.0
    reaction_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Intention:
    """What the person wants: go down, feel `felt_n`, and modulate it."""

    approach_m_s: float = 0.015
    """Speed of the aim in free space."""
    felt_n: float = 2.0
    """Force to be felt; 0: none is sought, only the approach speed counts."""
    notice_n: float = 0.3
    """Felt force that tells of contact."""
    gain_1_s: float = 0.6
    """How quickly a difference in felt force is corrected (per second)."""
    swing_n: float = 0.0
    """Amplitude of a slow modulation of the wanted force."""
    swing_hz: float = 0.4
    speed_max_m_s: float = 0.03


@dataclass(slots=True)
class Operator:
    """State of the hand on the grip."""

    hand: Hand = Hand()
    intention: Intention = Intention()
    p_m: float = 0.0
    v_m_s: float = 0.0
    aim_m: float = 0.0
    noticed: bool = False
    """The person knows of the contact."""
    time_s: float = 0.0
    _felt: deque[float] = field(default_factory=deque)
    _felt_s: float = 0.0

    def step(self, force_n: float, dt_s: float) -> None:
        """Advance by `dt_s` while the handle pushes back with `force_n` (positive: outward)."""
        self.time_s += dt_s
        self._remember(force_n, dt_s)
        self.aim_m += self._aim_speed() * dt_s
        hand = self.hand
        phase = 2.0 * math.pi * hand.tremor_hz * self.time_s + hand.tremor_phase_rad
        aim = self.aim_m + hand.tremor_m * math.sin(phase)
        aim_speed = hand.tremor_m * 2.0 * math.pi * hand.tremor_hz * math.cos(phase)
        pull = hand.stiffness_n_m * (aim - self.p_m)
        pull += hand.damping_n_s_m * (aim_speed - self.v_m_s)
        pull -= force_n + hand.grip_damping_n_s_m * self.v_m_s
        self.v_m_s += pull / hand.grip_mass_kg * dt_s
        self.p_m += self.v_m_s * dt_s

    @property
    def perceived_n(self) -> float:
        """Force that was felt a reaction time ago."""
        return self._felt[0] if len(self._felt) > self._delay else 0.0

    @property
    def _delay(self) -> int:
        """Steps of `DT_FELT_S` in a reaction time."""
        return round(self.hand.reaction_s / DT_FELT_S)

    def _remember(self, force_n: float, dt_s: float) -> None:
        self._felt_s += dt_s
        if self._felt_s >= DT_FELT_S:
            self._felt_s = 0.0
            self._felt.append(force_n)
            if len(self._felt) > self._delay + 1:
                self._felt.popleft()

    def _aim_speed(self) -> float:
        """Speed of the aim (m/s)."""
        i = self.intention
        if i.felt_n <= 0.0:
            return i.approach_m_s
        self.noticed = self.noticed or self.perceived_n > i.notice_n
        if not self.noticed:
            return i.approach_m_s
        swing = i.swing_n * math.sin(2.0 * math.pi * i.swing_hz * self.time_s)
        wrong_n = i.felt_n + swing - self.perceived_n
        speed = i.gain_1_s * wrong_n / self.hand.stiffness_n_m
        return max(-i.speed_max_m_s, min(i.speed_max_m_s, speed))
