"""A whole session with fake processes: start-up problems in words, readiness, the end."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from safety.limits import Limits
from teleop.config import Arm, Config, Network, Record, Video
from teleop.processes import ProcessSpec
from teleop.supervisor import ready, rundir
from teleop.supervisor.errors import MachineError, ProcessError, UsageError
from teleop.supervisor.preflight import check_all
from teleop.supervisor.session import Options, Session
from teleop.supervisor.status import Percentiles, Status
from teleop.supervisor.stop import Stopped
from teleop.supervisor.watch import Ended

HERE = Path(__file__).parent
NAMES = ("arm", "guard", "servo", "gateway", "media", "record")
TABLE = tuple(ProcessSpec(n, "supervisor_fake", 0, 0, True, False) for n in NAMES)


class FakeView:
    """Remembers what was shown; asks to stop when the pages could be opened."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.urls: dict[str, str] = {}
        self.run_dir = Path()
        self.files: dict[str, str] = {}
        self.folder_mode = ""
        self.end: Stopped | None = None

    def say(self, key: str, **values: object) -> None:
        self.said.append(key)

    def joined(self, urls: dict[str, str], facts: dict[str, object]) -> None:
        self.urls, self.run_dir = urls, Path(str(facts["run_dir"]))
        self.folder_mode = oct(self.run_dir.stat().st_mode & 0o777)
        self.files = {f.name: oct(f.stat().st_mode & 0o777) for f in self.run_dir.iterdir()}
        os.kill(os.getpid(), signal.SIGINT)

    def status(self, status: Status) -> None:
        pass

    def ended(self, event: Ended) -> None:
        self.said.append(f"ended {event.name}")

    def stopped(self, stopped: Stopped, recording: dict[str, object] | None) -> None:
        self.end = stopped

    def result(self, result: dict[str, object]) -> None:
        pass


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.setattr(rundir, "SHARED_MEMORY", tmp_path)
    return Config(network=Network(port=0), record=Record(folder=str(tmp_path / "out")))


def make(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **extra: Any) -> Session:
    """A session whose fake processes know their role."""
    options = Options(state_folder=tmp_path / "site", table=TABLE)
    made = Session(config, options, FakeView())

    def arguments(_run_dir: Path) -> dict[str, tuple[str, ...]]:
        return {n: ("--role", n, *extra.get(n, ())) for n in NAMES}

    monkeypatch.setattr(made, "_extra", arguments)
    return made


@pytest.mark.process
def test_a_session_starts_announces_and_leaves_nothing_behind(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(config, tmp_path, monkeypatch)
    assert made.run() == 0
    view = made._view
    assert isinstance(view, FakeView)
    assert view.urls["console"].startswith("https://127.0.0.1:1234/console#code=")
    codes = {url.split("=")[1].split("&")[0] for url in view.urls.values()}
    assert len(codes) == 3
    assert view.files["join.json"] == "0o600"
    assert view.folder_mode == "0o700"
    assert view.end is not None
    assert view.end.rest
    assert not view.run_dir.exists()
    assert not list(tmp_path.glob(f"{rundir.PREFIX}*"))
    assert json.loads((tmp_path / "site" / "boots.json").read_text()) == {"boots": 1}


@pytest.mark.process
def test_a_process_that_cannot_start_ends_the_session_with_its_last_words(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = tmp_path / "crash"
    crash.touch()
    made = make(config, tmp_path, monkeypatch, media=("--crash", str(crash)))
    with pytest.raises(ProcessError, match="the gears are jammed"):
        made.run()
    assert not list(tmp_path.glob(f"{rundir.PREFIX}*"))


def problems(config: Config, trajectory: Path | None = None) -> str:
    return "\n".join(str(p) for p in check_all(config, TABLE, trajectory))


def test_a_healthy_configuration_has_no_problem(config: Config) -> None:
    assert problems(config) == ""


def test_each_start_up_problem_is_named_with_what_to_do(config: Config, tmp_path: Path) -> None:
    replace = dataclasses.replace
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        text = problems(Config(network=Network(port=port), record=config.record))
        assert f"port {port} cannot be used" in text
        assert "--port" in text
    assert "--insecure-lan" in problems(Config(network=Network(bind="0.0.0.0", port=0, tls=False)))
    missing = Config(video=Video(source=str(tmp_path / "none.mp4")), network=config.network)
    assert "none.mp4: no such file" in problems(missing)
    assert "arm.scene" in problems(Config(arm=Arm(scene=str(tmp_path / "none.toml"))))
    assert "known arms: sim" in problems(Config(arm=Arm(driver="golem")))
    assert "site = '../up'" in problems(Config(site="../up"))
    crazy = Config(limits=replace(Limits(), force_trip_n=1000.0), network=config.network)
    assert "force_trip_n" in problems(crazy)
    assert "--trajectory" in problems(config, tmp_path / "none.igs.mha")
    full = Config(record=Record(folder=str(tmp_path), min_free_mb=10**9), network=config.network)
    assert "MB free" in problems(full)


def test_a_missing_module_is_a_start_up_error_that_names_it(config: Config) -> None:
    table = (ProcessSpec("arm", "robot_sim.nowhere", 0, 0, True, False),)
    (problem,) = check_all(config, table, None)
    assert isinstance(problem, MachineError)
    assert problem.exit_code == 3
    assert "robot_sim.nowhere" in str(problem)


def test_one_session_per_site_at_a_time(tmp_path: Path) -> None:
    first = rundir.open_site(tmp_path / "site")
    with pytest.raises(UsageError, match="another session"):
        rundir.open_site(tmp_path / "site")
    first.release()
    again = rundir.open_site(tmp_path / "site")
    assert again.boot == first.boot + 1
    again.release()
    (tmp_path / "site" / "boots.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        rundir.open_site(tmp_path / "site")


def test_a_run_folder_left_by_a_killed_supervisor_is_removed(
    config: Config, tmp_path: Path
) -> None:
    alive = rundir.create(config, 1, True)
    dead = rundir.create(config, 1, True)
    os.close(dead.lock)  # as the kernel does when the supervisor dies
    assert rundir.remove_stale(tmp_path) == [dead.path]
    assert alive.path.exists()
    alive.remove()


def test_join_codes_are_unambiguous_and_differ() -> None:
    codes = {rundir.join_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(c) == 9 and c[4] == "-" and not set(c) & set("IO01") for c in codes)


def test_percentiles_leave_out_what_was_not_measured() -> None:
    window = Percentiles()
    assert window.at(0.5) == -1.0
    for value in (-1.0, float("nan"), *range(1, 101)):
        window.add(value)
    assert window.at(0.5) == 51
    assert window.at(0.99) == 100


def test_a_start_that_never_gets_ready_is_ended(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "READY_NS", 300_000_000)
    made = make(config, tmp_path, monkeypatch, media=("--role", "nobody"))
    with pytest.raises(ProcessError, match="media"):
        made.run()
