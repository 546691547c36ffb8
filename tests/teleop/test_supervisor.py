"""The supervisor with a table of small fake processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from teleop.config import Config
from teleop.processes import ProcessSpec
from teleop.supervisor import rundir
from teleop.supervisor.restart import MOST_CRASHES, Backoff
from teleop.supervisor.stop import stop_all
from teleop.supervisor.watch import Ended, Supervisor
from transport.local.clock import now_ns

HERE = Path(__file__).parent
SAFETY = ("arm", "servo", "guard")
NAMES = ("arm", "guard", "servo", "gateway", "media", "record")
TABLE = tuple(ProcessSpec(n, "supervisor_fake", 0, 0, n in SAFETY, False) for n in NAMES)


@pytest.fixture(autouse=True)
def _fake_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def run_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(rundir, "SHARED_MEMORY", tmp_path)
    run = rundir.create(Config(), 1, True)
    yield run.path
    run.remove()


class World:
    """A started fake table."""

    def __init__(self, run: Path, **extra: tuple[str, ...]) -> None:
        self.ended: list[Ended] = []
        arguments = {n: ("--role", n, *extra.get(n, ())) for n in NAMES}
        self.supervisor = Supervisor(run, TABLE, arguments, self.ended.append)
        self.supervisor.start_all()
        self.run = run
        self.until(lambda: len(self.pids()) == len(NAMES))

    def pids(self) -> list[int]:
        path = self.run / "pids.log"
        return [int(x) for x in path.read_text().split()] if path.exists() else []

    def order(self) -> list[str]:
        path = self.run / "order.log"
        return path.read_text().splitlines() if path.exists() else []

    def until(self, done: Callable[[], bool], limit_s: float = 90.0) -> None:
        end = now_ns() + round(limit_s * 1e9)
        while not done():
            assert now_ns() < end, f"not in time: {self.order()} {self.ended}"
            self.supervisor.wait((), 0.01)
            self.supervisor.look()

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> Any:
        result = stop_all(self.supervisor, hurry)
        self.supervisor.close()
        return result


@pytest.mark.process
def test_stop_brakes_first_and_then_ends_the_processes_in_order(run_dir: Path) -> None:
    world = World(run_dir)
    pids = world.pids()
    stopped = world.stop()
    assert stopped.rest
    assert stopped.whole_s < 2.0
    assert not stopped.killed
    order = world.order()
    assert order[:2] == ["shutdown guard", "rest arm"], order
    left = [line.split()[1] for line in order if line.startswith("left")]
    assert sorted(left) == sorted(NAMES)
    assert left.index("servo") < left.index("arm") < left.index("guard")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.process
def test_a_process_that_does_not_leave_is_killed_within_the_limit(run_dir: Path) -> None:
    stopped = World(run_dir, media=("--deaf",)).stop()
    assert stopped.killed == ("media",)
    assert stopped.whole_s < 2.2


@pytest.mark.process
def test_a_second_ctrl_c_shortens_the_wait(run_dir: Path) -> None:
    stopped = World(run_dir, media=("--deaf",)).stop(lambda: True)
    assert stopped.whole_s < 1.2
    assert "media" in stopped.killed


@pytest.mark.process
def test_a_crashed_process_starts_again_and_its_cause_is_shown(run_dir: Path) -> None:
    crash = run_dir / "crash"
    world = World(run_dir, media=("--crash", str(crash)))
    crash.touch()
    world.until(lambda: len(world.pids()) == len(NAMES) + 1)
    assert [(e.name, e.how) for e in world.ended] == [("media", "exit code 7")]
    assert "the gears are jammed" in world.ended[0].tail
    assert "media" in world.supervisor.children
    world.stop()


@pytest.mark.process
def test_a_crashed_servo_starts_again_only_when_the_arm_rests(run_dir: Path) -> None:
    crash = run_dir / "crash"
    world = World(run_dir, servo=("--crash", str(crash)))
    crash.touch()
    world.until(lambda: bool(world.ended))
    due = now_ns() + 1_500_000_000  # longer than the first back-off
    world.until(lambda: now_ns() > due)
    assert "servo" not in world.supervisor.children, "the fake arm still moves"
    (run_dir / "shutdown").write_text(str(now_ns()))
    world.until(lambda: "servo" in world.supervisor.children)
    world.stop()


HOLDER = """
import sys
from pathlib import Path
from teleop.supervisor.watch import Supervisor
from test_supervisor import TABLE, NAMES
s = Supervisor(Path(sys.argv[1]), TABLE, {n: ("--role", n) for n in NAMES}, print)
s.start_all()
print("started", flush=True)
while True:
    s.wait((), 1.0)
"""


@pytest.mark.process
def test_no_orphan_when_the_supervisor_is_killed(run_dir: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(run_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "started\n"
        pids = run_dir / "pids.log"
        end = now_ns() + 30_000_000_000
        while not pids.exists() or len(pids.read_text().split()) < len(NAMES):
            assert now_ns() < end
            threading.Event().wait(0.02)
        holder.send_signal(signal.SIGKILL)
    log = run_dir / "order.log"
    while not log.exists() or log.read_text().count("orphaned") < len(NAMES):
        assert now_ns() < end, "a child did not notice that its supervisor is gone"
        threading.Event().wait(0.02)


def test_backoff_doubles_and_gives_up() -> None:
    backoff = Backoff()
    due = [backoff.crashed("media", 10**12) for _ in range(MOST_CRASHES)]
    delays = [(d or 0) - 10**12 for d in due]
    assert delays[:3] == [500_000_000, 1_000_000_000, 2_000_000_000]
    assert max(delays) == 10_000_000_000
    assert backoff.crashed("media", 10**12) is None
    assert backoff.crashed("gateway", 10**12) is not None
    assert backoff.crashed("media", 10**12 + 61 * 10**9) is not None, "calm forgives"
