"""Virtual time: periodic tasks and single events, run in order of their due time, no waiting.

A task can be paused (a killed process) or frozen for a while (SIGSTOP, a stall): after a freeze it
runs once, late, and goes on with its next regular slot, like `transport.local.loop.Cycle`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

EPOCH_NS = 1_000_000_000_000
"""Virtual worlds begin here: no stamp is near zero."""


@dataclass(slots=True)
class Task:
    """A periodic activity; `run(now_ns, lateness_ns)`."""

    name: str
    period_ns: int
    run: Callable[[int, int], None]
    paused: bool = False
    frozen_until_ns: int = 0


class VirtualClock:
    """Runs everything of one virtual world in one thread."""

    def __init__(self, start_ns: int = EPOCH_NS) -> None:
        self.now_ns = start_ns
        self.start_ns = start_ns
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        """(due, order of scheduling, action): tuples compare fast, and no two orders are equal."""
        self._order = 0

    @property
    def seconds(self) -> float:
        """Time since the world began."""
        return (self.now_ns - self.start_ns) / 1e9

    def at(self, due_ns: int, action: Callable[[int], None]) -> None:
        """Run `action(now_ns)` once, at `due_ns` or now when that is past."""
        self._order += 1
        heapq.heappush(self._heap, (max(due_ns, self.now_ns), self._order, action))

    def every(
        self, name: str, period_ns: int, run: Callable[[int, int], None], phase: float = 0.0
    ) -> Task:
        """Run a task each `period_ns`, first after `phase` of a period."""
        task = Task(name, period_ns, run)
        self._schedule(task, self.now_ns + round(phase * period_ns))
        return task

    def freeze(self, task: Task, duration_ns: int) -> None:
        """Stall a task from now on."""
        task.frozen_until_ns = max(task.frozen_until_ns, self.now_ns + duration_ns)

    def run_to(self, end_ns: int) -> None:
        """Run everything that is due up to `end_ns`."""
        while self._heap and self._heap[0][0] <= end_ns:
            due_ns, _, action = heapq.heappop(self._heap)
            self.now_ns = due_ns
            action(due_ns)
        self.now_ns = max(self.now_ns, end_ns)

    def _schedule(self, task: Task, due_ns: int) -> None:
        self.at(due_ns, lambda now_ns: self._fire(task, due_ns))

    def _fire(self, task: Task, due_ns: int) -> None:
        if self.now_ns < task.frozen_until_ns:
            resume_ns = task.frozen_until_ns
            self.at(resume_ns, lambda now_ns: self._fire(task, due_ns))
            return
        lateness_ns = self.now_ns - due_ns
        if not task.paused:
            task.run(self.now_ns, lateness_ns)
        missed = lateness_ns // task.period_ns
        self._schedule(task, due_ns + (missed + 1) * task.period_ns)
