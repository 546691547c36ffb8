"""Energy tank: what a torque law with varying gains may inject (Ferraguti, Secchi, Fantuzzi 2013).

The tank is emptied by the work that the law does on arm and patient, and filled by the work that
they do on it (its damping dissipates, the patient pushes back). An empty tank switches the active
part of the law off where it would inject more; its damping stays. The injected energy is thus
bounded by what the tank held at the start plus a trickle, whatever the gains do. Energies J, powers
W.
"""

from __future__ import annotations

from dataclasses import dataclass

START_J = 0.3
"""Following the skin 60 mm down at 5 N."""
MAX_J = 0.5
LOW_J = 0.05
"""Below it the active part fades out linearly."""
TRICKLE_W = 0.02
"""Losses in the tissue (12 N s/m at 10 mm/s take 1 mW) must not stop a scan of many minutes."""


@dataclass(slots=True)
class EnergyTank:
    """Energy that may still be injected."""

    level_j: float = START_J

    def refill(self) -> None:
        """A new engagement by people: a new budget."""
        self.level_j = START_J

    def share(self, power_w: float) -> float:
        """Part (0..1) of an active power that may be injected now; taking energy out is free."""
        if power_w <= 0.0:
            return 1.0
        return max(0.0, min(1.0, self.level_j / LOW_J))

    def book(self, injected_w: float, dt_s: float) -> None:
        """Account for one cycle; `injected_w` < 0: work was done on the law."""
        change = (TRICKLE_W - injected_w) * dt_s
        self.level_j = max(0.0, min(MAX_J, self.level_j + change))
