"""The doctor: what is wrong is named, and the fix stands with it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from teleop.cli.doctoring import show_doctor
from teleop.doctor import machine, packages, run, surroundings
from teleop.doctor.finding import Finding, Grade, bad, ok, warn


def test_another_python_is_refused_with_the_command_that_helps() -> None:
    finding = packages.check_python((3, 12))
    assert finding.grade is Grade.FAIL
    assert "python3.11" in finding.fix


def test_a_foreign_safety_package_is_found(tmp_path: Path) -> None:
    finding = packages.check_ours(tmp_path)
    assert finding.grade is Grade.FAIL
    assert "safety" in finding.detail
    assert "pip uninstall safety" in finding.fix
    assert packages.check_ours().grade is Grade.OK


def test_versions_are_compared_with_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("numpy==0.0.1 \\\n    --hash=sha256:00\nAV==99 ; python_version > '3'\n")
    assert packages.locked(lock.read_text()) == {"numpy": "0.0.1", "av": "99"}
    finding = packages.check_versions(lock)
    assert finding.grade is Grade.WARN
    assert "numpy" in finding.detail


@pytest.mark.parametrize(
    ("late_us", "grade"),
    [([50.0] * 100, Grade.OK), ([50.0] * 90 + [3000.0] * 10, Grade.WARN),
     ([50.0] * 199 + [30000.0], Grade.WARN), ([25000.0] * 100, Grade.FAIL)],
)  # fmt: skip
def test_loop_jitter_is_judged_by_what_permits_need(late_us: list[float], grade: Grade) -> None:
    assert machine.check_jitter(5.0, sorted(late_us)).grade is grade


def test_the_loop_really_runs() -> None:
    assert len(machine.loop_lateness_us(0.05, 500)) >= 2


def test_governor_and_clock_source(tmp_path: Path) -> None:
    folder = tmp_path / "cpu0" / "cpufreq"
    folder.mkdir(parents=True)
    (folder / "scaling_governor").write_text("powersave\n")
    finding = machine.check_governor(tmp_path)
    assert finding.grade is Grade.WARN
    assert "performance" in finding.fix
    assert machine.check_governor(tmp_path / "none").grade is Grade.OK
    source = tmp_path / "source"
    source.write_text("acpi_pm\n")
    assert machine.check_clock_source(source).grade is Grade.WARN


def test_a_busy_port_is_a_warning_with_the_way_around() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        finding = surroundings.check_port(port=busy.getsockname()[1])
    assert finding.grade is Grade.WARN
    assert "--port" in finding.fix


def test_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    finding = surroundings.check_browser()
    assert finding.grade is Grade.WARN
    assert "apt-get install chromium" in finding.fix


def test_every_problem_comes_with_a_fix_and_none_stops_the_doctor() -> None:
    def broken() -> Finding:
        raise RuntimeError("no such thing")

    findings = list(run.run_checks((broken, packages.check_python)))
    assert findings[0].grade is Grade.FAIL
    assert findings[1].name == "Python"
    assert all(f.fix for f in findings if f.grade is not Grade.OK)


def test_worst_grade() -> None:
    assert run.worst([ok("a", "")]) is Grade.OK
    assert run.worst([ok("a", ""), warn("b", "", "x")]) is Grade.WARN
    assert run.worst([bad("a", "", "x"), warn("b", "", "x")]) is Grade.FAIL


def test_exit_codes_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = (lambda: ok("a", "fine"), lambda: bad("b", "broken", "mend it"))
    monkeypatch.setattr("teleop.cli.doctoring.all_checks", lambda _quick: checks)
    assert show_doctor(True, True) == 3
    content = json.loads(capsys.readouterr().out)
    assert content["grade"] == "fail"
    assert content["checks"][1]["fix"] == "mend it"
    assert show_doctor(False, True) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("✗ b: broken")
    assert lines[2].strip() == "fix: mend it"
