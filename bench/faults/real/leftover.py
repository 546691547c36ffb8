"""Processes of a demo that outlive it: found by their run folder, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from pathlib import Path

from transport.local import clock

PATIENCE_NS = 10_000_000_000
POLL_NS = 50_000_000


def processes_of(run_dir: Path) -> list[int]:
    """Processes that were started for a run folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has left meanwhile
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(run_dir) in words:
                    found.append(int(entry.name))
    return found


def sweep(run_dir: Path) -> int:
    """Give them time to leave by themselves; end the others, and return how many those were."""
    until_ns = clock.now_ns() + PATIENCE_NS
    while (left := processes_of(run_dir)) and clock.now_ns() < until_ns:
        clock.sleep_until(clock.now_ns() + POLL_NS)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(run_dir, ignore_errors=True)  # the supervisor does it, unless it was killed
    return len(left)
