"""The supervisor: starts the table, restarts what crashed, stops everything in order.

Single-threaded. `wait` sleeps in one poll on the stop signals and on every child's pidfd, so an
exit is seen at once. The write end of the life pipe exists only here: when this process is gone,
however it went, every child reads end-of-file and leaves.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from teleop import channels
from teleop.processes import ProcessSpec
from teleop.supervisor.arm_rest import at_rest
from teleop.supervisor.child import Child, exit_text
from teleop.supervisor.notes import Notes
from teleop.supervisor.restart import Backoff
from teleop.supervisor.rundir import write_private
from transport.local.clock import now_ns

REST_WAIT_NS = 5_000_000_000
"""A crashed guard, servo or arm starts again when the arm rests, or after this time."""


PIDS = "pids.json"
"""Process numbers by name, in the run folder (for people and tests)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A process ended although nobody asked it to."""

    name: str
    how: str
    tail: str
    restart_s: float
    """Time until it starts again; negative: it stays down."""
    safety: bool


class Supervisor:
    """Owns the children of one run."""

    def __init__(
        self,
        run_dir: Path,
        table: Sequence[ProcessSpec],
        extra: dict[str, tuple[str, ...]],
        on_ended: Callable[[Ended], None],
        fds: dict[str, tuple[int, ...]] | None = None,
    ) -> None:
        """`extra` and `fds`: arguments and inherited descriptors of single processes."""
        self.run_dir = run_dir
        self.table = tuple(table)
        self.children: dict[str, Child] = {}
        self.down: set[str] = set()
        self.notes = Notes(run_dir)
        self._extra = extra
        self._fds = fds or {}
        self._on_ended = on_ended
        self._due: dict[str, int] = {}
        self._backoff = Backoff()
        self._arm = channels.box(run_dir, channels.ARM_STATE)
        self._life_read, self._life_write = os.pipe()

    @property
    def life_fd(self) -> int:
        """Read end of the life pipe, for children."""
        return self._life_read

    def start_all(self) -> None:
        """Start every process of the table."""
        for spec in self.table:
            self.start(spec)

    def start(self, spec: ProcessSpec) -> None:
        """Start one process."""
        extra, fds = self._extra.get(spec.name, ()), self._fds.get(spec.name, ())
        child = Child(spec, self.run_dir, self._life_read, extra, fds)
        self.children[spec.name] = child
        self.notes.write(now_ns(), kind="started", process=spec.name, pid=child.pid)
        pids = {name: c.pid for name, c in self.children.items()}
        write_private(self.run_dir / PIDS, pids)
        for text in child.notes:
            self.notes.write(now_ns(), kind="refused", process=spec.name, detail=text)

    def wait(self, wake_fds: Sequence[int], timeout_s: float) -> None:
        """Sleep until a child ends, a wake-up descriptor is readable, or the time is over."""
        poll = select.poll()
        for fd in wake_fds:
            poll.register(fd, select.POLLIN)
        handles = [os.pidfd_open(c.pid) for c in self.children.values() if c.alive]
        for handle in handles:
            poll.register(handle, select.POLLIN)
        try:
            poll.poll(max(0.0, timeout_s * 1000.0))
        finally:
            for handle in handles:
                os.close(handle)

    def look(self) -> list[Ended]:
        """Notice ended children and start those whose time has come."""
        ended = [self._note_end(c) for c in list(self.children.values()) if not c.alive]
        for name, due in list(self._due.items()):
            spec = next(row for row in self.table if row.name == name)
            now = now_ns()
            if now >= due and (not spec.safety or self.arm_rests() or now - due > REST_WAIT_NS):
                del self._due[name]
                self.start(spec)
        for child in self.children.values():
            child.limit_log()
        return ended

    def _note_end(self, child: Child) -> Ended:
        name, code = child.spec.name, child.poll()
        assert code is not None
        del self.children[name]
        now = now_ns()
        due = self._backoff.crashed(name, now)
        if due is None:
            self.down.add(name)
        else:
            self._due[name] = due
        restart_s = -1.0 if due is None else (due - now) / 1e9
        event = Ended(name, exit_text(code), child.tail(), restart_s, child.spec.safety)
        self.notes.write(now, kind="ended", process=name, how=event.how, tail=event.tail)
        self._on_ended(event)
        return event

    def arm_rests(self) -> bool:
        """The arm stands still with its brakes on, or its box is gone or never powered it."""
        arm = self.children.get("arm")
        if arm is None or not arm.alive:
            return True
        item = self._arm.read()
        return item is None or at_rest(item[1], now_ns())

    def end_life(self) -> None:
        """Close the life pipe: children that missed their signal leave now."""
        if self._life_write >= 0:
            os.close(self._life_write)
            self._life_write = -1

    def close(self) -> None:
        """Release what the supervisor holds (children have ended)."""
        self.end_life()
        os.close(self._life_read)
        self.notes.close()
        self._arm.close()
