"""CPU time of process trees and of everybody else, from /proc."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from transport.local.clock import now_ns

TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
SAMPLE_S = 0.5


@dataclass(frozen=True, slots=True)
class ProcessTime:
    """One process as /proc/PID/stat shows it."""

    parent: int
    used_s: float
    """User and system time of all its threads."""
    name: str
    """Of the program, cut at 15 characters."""


def read_process(pid: int) -> ProcessTime | None:
    """Parent and CPU time of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    name = text[text.index("(") + 1 : text.rindex(")")]
    return ProcessTime(int(fields[1]), (int(fields[11]) + int(fields[12])) * TICK_S, name)


def busy_s() -> float:
    """CPU time that all programs of this machine have used since it started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, interrupt, soft = fields[:7]
    return (user + nice + system + interrupt + soft) * TICK_S


class TreeMeter:
    """Sums what a process and all its descendants have used, those that ended included."""

    def __init__(self, root_pid: int | None = None) -> None:
        self._root = os.getpid() if root_pid is None else root_pid
        self._names: dict[int, str] = {}
        self._used: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._begun = False

    def sample(self) -> None:
        """Look at /proc; call it at least every second, because dead processes leave no trace."""
        found = {int(p.name): read_process(int(p.name)) for p in Path("/proc").glob("[0-9]*")}
        alive = {pid: time for pid, time in found.items() if time is not None}
        for pid, time in alive.items():
            if self._belongs(pid, alive):
                self._before.setdefault(pid, 0.0 if self._begun else time.used_s)
                self._names[pid] = time.name
                self._used[pid] = max(self._used.get(pid, 0.0), time.used_s)
        self._begun = True

    def _belongs(self, pid: int, alive: dict[int, ProcessTime]) -> bool:
        while pid in alive:
            if pid == self._root or pid in self._used:
                return True
            pid = alive[pid].parent
        return False

    def used_s(self, name: str = "") -> float:
        """CPU seconds since the first sample, of programs whose name contains `name`."""
        return sum(
            used - self._before[pid] for pid, used in self._used.items() if name in self._names[pid]
        )


class ForeignMeter:
    """Share of CPU that programs outside our process tree used, sampled by a thread."""

    def __init__(self, root_pid: int | None = None) -> None:
        self._tree = TreeMeter(root_pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="cpu-meter", daemon=True)

    def __enter__(self) -> ForeignMeter:
        """Begin."""
        self._tree.sample()
        self._start_ns, self._busy_s = now_ns(), busy_s()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End; `percent` is known from now on."""
        self._stop.set()
        self._thread.join()
        self._tree.sample()
        wall_s = max(1e-3, (now_ns() - self._start_ns) / 1e9)
        foreign_s = busy_s() - self._busy_s - self._tree.used_s()
        self.percent = round(max(0.0, 100.0 * foreign_s / wall_s), 1)

    def _loop(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            self._tree.sample()


def foreign_percent(seconds: float) -> float:
    """What other programs use right now, % of one core."""
    with ForeignMeter() as meter:
        threading.Event().wait(seconds)
    return meter.percent


def core_percent(pid: int, before: ProcessTime | None, wall_s: float) -> float:
    """What a living process used since `before`, % of one core; 0 when it is gone."""
    now = read_process(pid)
    if now is None or before is None or wall_s <= 0.0:
        return 0.0
    return 100.0 * (now.used_s - before.used_s) / wall_s
