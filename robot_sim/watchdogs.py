"""The arm box's own watchdogs: commands that stop coming, wrong enable answers, failing brakes.

Pure; the first two judge by the box's own clock, the third by the time of its physics.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from robot_sim.joint_servo import BRAKE_RAD_S2
from safety.enable import answer
from safety.messages import ArmCommand, EnableSignal

SILENCE_NS = 20_000_000
"""A real controller brakes after 20 ms without a command (Franka: 20 missed 1 ms packets)."""
CHALLENGE_NS = 4_000_000
"""A new challenge every 4 ms: at least four answers fit into the limit."""
AHEAD_NS = 2_000_000
"""Slack for a stamp from the future (the shell takes the time after reading)."""

RAMP_SLACK_NS = 50_000_000
"""Guard cuts the power 20 ms after brakes that do nothing. The box comes later, so that it is the
last one, and before the 100 ms of `stop_done_ms` (reference S6)."""
RAMP_FLOOR_RAD_S = 0.02
"""12 mm/s at 0.6 m reach: slower than this only the brakes' own contact tells."""
CONTACT_NS = 130_000_000
"""Guard wants brakes closed 100 ms after an order and knows why it cuts the power then: at such
speeds the box comes after that."""


@dataclass(slots=True)
class BrakingRamp:
    """A stop of category 1 that does not slow the arm becomes one of category 0.

    As vendors' safety controllers supervise it (IEC 60204-1, 9.2.2; SS1-r of IEC 61800-5-2): the
    box needs nobody to find out that its own brakes fail, guard may be gone as well.
    """

    tripped: bool = False
    """Power stays off until whoever drives the power line has switched it off and on again."""
    _braking_ns: int = 0
    _from_rad_s: float = 0.0

    def released(self) -> None:
        """Nobody asks for the brakes."""
        self._braking_ns = 0

    def braking(self, closed: bool, fastest_rad_s: float, period_ns: int) -> None:
        """Look at one period under an order to brake; `closed` by the brakes' own contact."""
        if self._braking_ns == 0:
            self._from_rad_s = fastest_rad_s
        self._braking_ns += period_ns
        late_ns = self._braking_ns - RAMP_SLACK_NS
        if late_ns <= 0:
            return
        ramp_rad_s = max(RAMP_FLOOR_RAD_S, self._from_rad_s - BRAKE_RAD_S2 * late_ns / 1e9)
        open_too_long = not closed and self._braking_ns > CONTACT_NS
        self.tripped |= open_too_long or not fastest_rad_s <= ramp_rad_s

    def switched_off(self) -> None:
        """The power line is off: begin anew."""
        self.tripped = False


@dataclass(slots=True)
class CommandWatch:
    """Servo's commands: new, recent, and not from the future."""

    limit_ns: int = SILENCE_NS
    trips: int = 0
    newest_ns: int = -1
    _silent: bool = True

    def check(self, now_ns: int, command: ArmCommand | None, following: bool) -> bool:
        """True while the newest command may be followed. A trip counts when it ends motion."""
        if command is not None and self.newest_ns < command.stamp_ns <= now_ns + AHEAD_NS:
            self.newest_ns = command.stamp_ns
        silent = self.newest_ns < 0 or now_ns - self.newest_ns > self.limit_ns
        if silent and not self._silent and following:
            self.trips += 1
        self._silent = silent
        return not silent


@dataclass(slots=True)
class EnableWatch:
    """Guard's answers: each must answer a challenge newer than the last one answered."""

    seed: int
    limit_ns: int = SILENCE_NS
    trips: int = 0
    challenge: int = 0
    _drawn_ns: int = -CHALLENGE_NS
    _open: deque[tuple[int, int]] = field(default_factory=deque)
    """Challenges not answered yet, with the time they were drawn."""
    _answered_ns: int = -1
    _alive: bool = False

    def check(self, now_ns: int, signal: EnableSignal | None, following: bool) -> bool:
        """True while guard is alive. A trip counts when it ends motion."""
        if signal is not None:
            self._accept(now_ns, signal.answer)
        alive = self._answered_ns >= 0 and now_ns - self._answered_ns <= self.limit_ns
        if self._alive and not alive and following:
            self.trips += 1
        self._alive = alive
        if now_ns - self._drawn_ns >= CHALLENGE_NS:
            self._draw(now_ns)
        return alive

    def _accept(self, now_ns: int, given: int) -> None:
        for challenge, _ in reversed(self._open):
            if answer(challenge) == given:
                while self._open and self._open.popleft()[0] != challenge:
                    continue
                self._answered_ns = now_ns
                return

    def _draw(self, now_ns: int) -> None:
        # xorshift32: never repeats within 2^32 - 1 draws, so an old answer stays wrong.
        x = self.challenge or (self.seed & 0xFFFFFFFF) or 1
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self.challenge = x
        self._drawn_ns = now_ns
        self._open.append((x, now_ns))
        while self._open[0][1] < now_ns - self.limit_ns:
            self._open.popleft()
