"""What the console needs of a haptic handle: four methods, SI units, 1 kHz.

Frame `view`: x to the right in the picture, y elevational, z along the probe axis into the
patient (as `Command.hand_p_m`). Forces are those that the handle exerts on the hand; pressing into
the patient is +z, so what resists it is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from haptics.vec import Vec


class HandleError(RuntimeError):
    """The handle cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class HandleFacts:
    """What a handle can do, known after `open`."""

    name: str
    force_max_n: float
    """Largest force it may exert; 0: it has no motors (input only)."""
    stiffness_max_n_m: float
    """Largest stiffness that it renders without buzzing: below 2 b / T for damping b and period T
    (Colgate & Schenkel 1997: b > K T / 2 + |B|)."""
    mass_kg: float
    """Moving mass that the hand feels."""
    simulated: bool


@dataclass(frozen=True, slots=True)
class HandleState:
    """One sample of a handle."""

    p_m: Vec
    """Position of the grip, view frame."""
    r_rad: Vec
    """Orientation of the grip as a rotation vector, view frame."""
    v_m_s: Vec
    w_rad_s: Vec
    deadman: bool
    """The grip's dead-man switch is held down."""
    clutch: bool
    """The grip's clutch is pressed: the hand moves without the robot."""


class Handle(Protocol):
    """A haptic handle. Every method returns at once; only `open` may take its time.

    Each may raise `HandleError`; the console then lets go of the dead-man and says why.
    """

    def open(self) -> HandleFacts:
        """Connect, and say what it can do."""

    def read(self, now_ns: int) -> HandleState:
        """The newest sample at `now_ns` (monotonic)."""

    def render(self, force_n: Vec, now_ns: int) -> None:
        """Exert `force_n` on the hand until the next call (view frame)."""

    def close(self) -> None:
        """Forces off, and let go."""
