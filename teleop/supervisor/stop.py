"""Stopping in order: motion first, then the processes, guard and arm last, all within 2 s."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from teleop.processes import STOP_ORDER
from teleop.supervisor.notes import order_shutdown
from teleop.supervisor.watch import Supervisor
from transport.local.clock import now_ns

REST_NS = 600_000_000
"""Longest wait for standstill (the policy brakes within 100 ms)."""
WHOLE_NS = 1_800_000_000
"""Everything has left by then, or is killed."""
HURRY_NS = 300_000_000
"""After a second Ctrl-C: what is left for leaving (brakes take 100 ms, a recording 200 ms)."""
SHARE_NS = {"servo": 200_000_000, "arm": 300_000_000, "guard": 200_000_000}
"""How long the next process waits for this one to leave."""
LAST = STOP_ORDER[-1]
"""The recorder hears everybody's last note, and keeps this much time for itself."""
LAST_NS = 1_000_000_000
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class Stopped:
    """How it went."""

    rest: bool
    """The arm was at rest before its processes were told to leave."""
    rest_s: float
    killed: tuple[str, ...]
    whole_s: float
    left_s: dict[str, float]
    """When each process was seen to have left."""


class _Stopper:
    def __init__(self, supervisor: Supervisor, hurry: Callable[[], bool]) -> None:
        self._supervisor = supervisor
        self._hurry = hurry
        self._start_ns = now_ns()
        self._end_ns = self._start_ns + WHOLE_NS
        self._hurried = False
        self.left_s: dict[str, float] = {}

    def _pause(self) -> None:
        """Sleep until something ends, a few ms at most; note who has left."""
        self._supervisor.wait((), POLL_S)
        for name, child in self._supervisor.children.items():
            if name not in self.left_s and not child.alive:
                self.left_s[name] = round(self.passed_ns() / 1e9, 3)

    def _hurrying(self) -> bool:
        """True when waits for an order are to be skipped; the last wait becomes short."""
        if not self._hurried and self._hurry():
            self._hurried = True
            self._end_ns = min(self._end_ns, now_ns() + HURRY_NS)
        return self._hurried

    def passed_ns(self) -> int:
        return now_ns() - self._start_ns

    def until(self, done: Callable[[], bool], limit_ns: int) -> bool:
        """Wait until `done`; False when the time is over or somebody is in a hurry."""
        end_ns = now_ns() + limit_ns
        while not done():
            if self._hurrying() or now_ns() >= min(end_ns, self._end_ns):
                return False
            self._pause()
        return True

    def all_left(self, but: str = "") -> None:
        """Wait until everybody (but one) has left, as long as the stop may take."""
        children = [c for name, c in self._supervisor.children.items() if name != but]
        end_ns = self._end_ns - (LAST_NS if but else 0)
        while any(c.alive for c in children) and now_ns() < min(end_ns, self._end_ns):
            self._hurrying()
            self._pause()

    def leave(self, name: str) -> None:
        """Ask one process to leave and give it its share of the time."""
        child = self._supervisor.children.get(name)
        if child is None:
            return
        child.prefer()
        child.send(signal.SIGTERM)
        self.until(lambda: not child.alive, SHARE_NS.get(name, 0))

    def kill_rest(self) -> tuple[str, ...]:
        """Kill what did not leave."""
        late = [c for c in self._supervisor.children.values() if c.alive]
        for child in late:
            child.send(signal.SIGKILL)
        for child in late:
            self._supervisor.notes.write(now_ns(), kind="killed", process=child.spec.name)
        while any(child.alive for child in late):
            self._pause()
        return tuple(child.spec.name for child in late)


def stop_all(supervisor: Supervisor, hurry: Callable[[], bool] = lambda: False) -> Stopped:
    """Order standstill, wait for it, end every process. `hurry`: do not wait any longer."""
    stopper = _Stopper(supervisor, hurry)
    supervisor.notes.write(now_ns(), kind="stopping")
    order_shutdown(supervisor.run_dir, now_ns())
    rest = stopper.until(supervisor.arm_rests, REST_NS)
    rest_s = stopper.passed_ns() / 1e9
    known = [name for name in STOP_ORDER if name in supervisor.children]
    others = [name for name in supervisor.children if name not in STOP_ORDER]
    for name in (*others, *known):
        if name == LAST:
            stopper.all_left(but=LAST)
        stopper.leave(name)
    stopper.all_left()
    killed = stopper.kill_rest()
    supervisor.children.clear()
    return Stopped(rest, rest_s, killed, stopper.passed_ns() / 1e9, stopper.left_s)
