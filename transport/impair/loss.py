"""Which packets are lost: independent, in Gilbert-Elliott bursts, or in Pareto bursts.

Every model decides by packet index alone: neither time nor other impairments shift the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from transport.impair.noise import ImpairError, Noise


@dataclass(frozen=True, slots=True)
class ParetoState:
    """One state of `ParetoBursts`."""

    leave: float
    """Probability of going to the other state, per packet."""
    shape: float
    """Shape of the Pareto (type II) burst length."""
    scale: float
    """Scale of the burst length in packets; the length is cut to an integer, 0 allowed."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.leave <= 1.0 or self.shape <= 0.0 or self.scale < 0.0:
            raise ImpairError(f"pareto {self}: leave 0 to 1, shape above 0, scale 0 or more")


@dataclass(frozen=True, slots=True)
class ParetoBursts:
    """Two hidden states with heavy-tailed burst lengths, as in NetFI (arXiv 2603.06824).

    Between two bursts at least one packet arrives.
    """

    good: ParetoState
    bad: ParetoState


class LossModel(Protocol):
    """Decides packet by packet."""

    def lose(self) -> bool:
        """True: this packet is lost."""
        ...


class GilbertElliott:
    """Mean share `loss` in bursts of mean length `burst`; a burst of 1 means independent losses.

    The bad state is left with 1/burst and entered with p/(burst (1 - p)).
    """

    def __init__(self, loss: float, burst: float, noise: Noise) -> None:
        self._noise = noise
        self._bad = False
        self._independent = loss if burst == 1.0 or loss in (0.0, 1.0) else None
        self._enter = min(1.0, loss / (burst * (1.0 - loss))) if loss < 1.0 else 1.0
        self._stay = 1.0 - 1.0 / burst

    def lose(self) -> bool:
        """True: this packet is lost."""
        draw = self._noise.uniform()
        if self._independent is not None:
            return draw < self._independent
        self._bad = draw < (self._stay if self._bad else self._enter)
        return self._bad


class ParetoLoss:
    """Runs `ParetoBursts`."""

    def __init__(self, bursts: ParetoBursts, noise: Noise) -> None:
        self._bursts = bursts
        self._noise = noise
        self._bad = False
        self._left: int | None = None

    def lose(self) -> bool:
        """True: this packet is lost."""
        state = self._bursts.bad if self._bad else self._bursts.good
        if self._noise.uniform() < state.leave:
            self._bad = not self._bad
        state = self._bursts.bad if self._bad else self._bursts.good
        # Drawn for every packet, so that the sequence does not depend on its own outcome.
        length = int(self._noise.pareto2(state.shape, state.scale))
        if self._left is None:
            self._left = length
        if self._left > 0:
            self._left -= 1
            return True
        self._left = None
        return False
