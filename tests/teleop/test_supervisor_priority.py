"""The priorities of the process table hold against programs of other sessions too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from teleop.processes import ProcessSpec
from teleop.supervisor.child import Child

AUTOGROUP = Path("/proc/self/autogroup")


def _started(folder: Path, nice: int, foreground: bool = False) -> tuple[Child, int]:
    """A child with that priority and the write end of its life pipe."""
    (folder / "logs").mkdir(parents=True)
    life, end = os.pipe()
    spec = ProcessSpec("sleeper", "http.server", 0, nice, False, foreground)
    child = Child(spec, folder, life)
    os.close(life)
    return child, end


def _end(child: Child, end: int) -> None:
    os.close(end)
    child._process.kill()
    child._process.wait()


@pytest.mark.process
@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_a_priority_counts_between_sessions(tmp_path: Path) -> None:
    child, end = _started(tmp_path, 7)  # nicer: asked for without rights too
    try:
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 7
        assert Path(f"/proc/{child.pid}/autogroup").read_text().split()[-1] == "7"
        assert child.notes == []
    finally:
        _end(child, end)


@pytest.mark.process
@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel does not group by session")
def test_the_terminals_session_keeps_its_own(tmp_path: Path) -> None:
    before = AUTOGROUP.read_text()
    child, end = _started(tmp_path, 7, foreground=True)
    try:
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 7
        assert AUTOGROUP.read_text() == before
    finally:
        _end(child, end)
