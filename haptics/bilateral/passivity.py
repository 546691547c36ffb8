"""Time-domain passivity: observers and controllers of one port and of a delayed two-port.

Hannaford & Ryu 2002 (one port); Ryu, Artigas & Preusche 2010 and Artigas et al. 2011 (two ports
over a network: each end sends its *cumulative* input energy, so that loss and reordering only make
the bound older, never wrong). The energy of a port is what its user puts in: force against motion
is positive. J, N, m, s throughout.

Two things that the papers leave open: a two-port that starts from zero energy locks up, so each
port begins with a small grant; and unused energy is forfeited above a cap, so that a long passive
contact cannot pay for a long active one.
"""

from __future__ import annotations

from dataclasses import dataclass

GRANT_J = 0.010
"""Energy that each port may give out before it took any in; 10 to 20 mJ is less than a hand feels
as a push (0.15 kg at 0.37 m/s is 10 mJ)."""
CAP_J = 0.050
"""Most energy that is remembered."""
DAMPING_MAX_N_S_M = 30.0
"""Most damping that a correction adds; 0.15 kg at 1 kHz turn unstable at 2 m / T = 300."""
CATCH_UP_1_S = 2.0
"""Rate at which drift is paid back."""
CATCH_UP_M_S = 0.005
"""Fastest catching up: below what a hand notices beside its own motion."""
DRIFT_MAX_M = 0.05
RESERVE_J = 3e-4
"""Store below which only a damper is rendered; covers what a damper of 30 N s/m gives out when the
hand turns round within a cycle."""
ACCELERATION_MAX_M_S2 = 200.0
"""Of a grip: 30 N on 0.15 kg."""


def corrected(force_n: float, v_m_s: float, store_j: float, dt_s: float) -> float:
    """The force nearest to `force_n` that the store pays for (positive opposes positive motion).

    A force is held for a whole cycle while the speed changes. So it is bounded by what it could
    give out at the worst speed of the cycle; a damper's force is always allowed.
    """
    damper = DAMPING_MAX_N_S_M * v_m_s
    gives = force_n * v_m_s <= 0.0
    gust = ACCELERATION_MAX_M_S2 * dt_s
    worst_m_s = abs(v_m_s) + gust if gives else max(0.0, gust - abs(v_m_s))
    spare_j = max(0.0, store_j - RESERVE_J)
    if abs(force_n) * worst_m_s * dt_s <= spare_j:
        return force_n
    most = spare_j / (worst_m_s * dt_s)
    low, high = min(-most, damper), max(most, damper)
    return max(low, min(high, force_n))


@dataclass(slots=True)
class OnePort:
    """Keeps a rendered force passive against the hand, whatever computed it.

    The observer is exact: a force held over a cycle works over the displacement of that cycle. What
    the last cycle gave out too much, the controller takes back as damping in the next one.
    """

    stored_j: float = GRANT_J
    cap_j: float = CAP_J
    lowest_j: float = 0.0
    """Lowest store so far (0 or above: passive with the grant)."""
    corrected_j: float = 0.0
    """Energy that corrections took out, for the display."""
    _force_n: float = 0.0

    @property
    def empty(self) -> bool:
        """Only a damper is rendered now."""
        return self.stored_j <= RESERVE_J

    def update(self, force_n: float, moved_m: float, v_m_s: float, dt_s: float) -> float:
        """Account for the last cycle and return the force (N) to hold in the next one.

        `force_n` is the force wanted, positive against positive motion; `moved_m` the displacement
        since the last call; `v_m_s` the speed now.
        """
        self.stored_j = min(self.cap_j, self.stored_j + self._force_n * moved_m)
        self.lowest_j = min(self.lowest_j, self.stored_j)
        out = corrected(force_n, v_m_s, self.stored_j, dt_s)
        self.corrected_j += abs((out - force_n) * v_m_s) * dt_s
        self._force_n = out
        return out


@dataclass(slots=True)
class EnergyPort:
    """One end of the delayed channel: cumulative energies, as they go over the wire."""

    grant_j: float = GRANT_J
    cap_j: float = CAP_J
    in_j: float = 0.0
    """Cumulative energy that flowed in here; sent to the other end."""
    out_j: float = 0.0
    """Cumulative energy that flowed out here."""
    remote_in_j: float = 0.0
    """Newest cumulative input energy heard from the other end."""
    forfeited_j: float = 0.0
    lowest_j: float = 0.0

    def heard(self, remote_in_j: float) -> None:
        """Take the other end's cumulative input; older messages change nothing."""
        self.remote_in_j = max(self.remote_in_j, remote_in_j)

    def flow(self, energy_j: float) -> None:
        """Account for the energy of one cycle (positive: into the channel)."""
        if energy_j >= 0.0:
            self.in_j += energy_j
        else:
            self.out_j -= energy_j
        self.forfeited_j += max(0.0, self.margin_j - self.cap_j)
        self.lowest_j = min(self.lowest_j, self.margin_j)

    @property
    def margin_j(self) -> float:
        """What may still flow out here: E_out(k) <= E_in,remote(k - T) + grant."""
        return self.remote_in_j + self.grant_j - self.out_j - self.forfeited_j


@dataclass(slots=True)
class ForcePort:
    """Impedance end (the handle): velocity comes in, a force goes out, corrected by damping."""

    energy: EnergyPort
    _force_n: float = 0.0

    def update(self, force_n: float, moved_m: float, v_m_s: float, dt_s: float) -> float:
        """Account for the last cycle; return the force (N) to hold in the next one."""
        self.energy.flow(self._force_n * moved_m)
        self._force_n = corrected(force_n, v_m_s, self.energy.margin_j, dt_s)
        return self._force_n


@dataclass(slots=True)
class VelocityPort:
    """Admittance end (the robot): force comes in, a velocity goes out, corrected by yielding.

    Corrections make the robot drift behind the hand; `update` pays the drift back out of the
    energy margin only (Artigas et al. 2010, Chawda & O'Malley 2014).
    """

    energy: EnergyPort
    drift_m: float = 0.0
    """Position that corrections have cost so far and catching up has not yet paid back."""

    def update(self, v_m_s: float, force_n: float, dt_s: float) -> float:
        """Velocity (m/s) allowed towards the environment that answers with `force_n`.

        Energy flows out of the channel here when the robot presses: force_n * v_m_s > 0.
        """
        wanted = v_m_s + max(-CATCH_UP_M_S, min(CATCH_UP_M_S, CATCH_UP_1_S * self.drift_m))
        out = self._within(wanted, force_n, dt_s)
        self.drift_m += (v_m_s - out) * dt_s
        self.drift_m = max(-DRIFT_MAX_M, min(DRIFT_MAX_M, self.drift_m))
        self.energy.flow(-force_n * out * dt_s)
        return out

    def _within(self, wanted_m_s: float, force_n: float, dt_s: float) -> float:
        """Cut the velocity to what the margin pays for."""
        cost_j = force_n * wanted_m_s * dt_s
        margin_j = max(0.0, self.energy.margin_j)
        if cost_j <= margin_j:
            return wanted_m_s
        return margin_j / (force_n * dt_s)
