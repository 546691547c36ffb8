"""The command line: help, exit codes, error texts, and what the views print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from record_samples import write
from typer.testing import CliRunner

from teleop.cli.app import app
from teleop.cli.demo import Request, effective, run_demo
from teleop.cli.jsonview import JsonView
from teleop.cli.tables import result_table
from teleop.cli.text import FOLDER, Texts
from teleop.cli.views import Bedside, PlainView
from teleop.config import ConfigError
from teleop.supervisor.status import Status
from teleop.supervisor.stop import Stopped
from teleop.supervisor.watch import Ended

runner = CliRunner()


def invoke(*arguments: str) -> tuple[int, str]:
    result = runner.invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "command",
    [(), ("demo",), ("doctor",), ("info",), ("replay",), ("export",), ("export", "csv"),
     ("audit",), ("audit", "verify"), ("audit", "show"), ("audit", "consent"),
     ("check-config",)],
)  # fmt: skip
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    code, text = invoke(*command, "--help")
    assert code == 0
    assert len(text) > 200


def test_help_does_not_load_heavy_packages() -> None:
    check = (
        "import sys; from teleop.cli.app import app; "
        "heavy = {'numpy','av','aiortc','pybullet','mcap','cv2','numba'} & set(sys.modules); "
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_version() -> None:
    code, text = invoke("--version")
    assert code == 0
    assert re.match(r"teleop \d+\.\d+\.\d+", text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("demo", "--port", "99999"), "65535"),
        (("demo", "--lang", "fr"), "--lang fr"),
        (("demo", "--trajectory", "x.igs.mha"), "--auto"),
        (("demo", "--config", "none.toml"), "none.toml"),
        (("demo", "--source", "none.mp4"), "none.mp4"),
        (("info", "none.mcap"), "none.mcap"),
        (("replay", "none.mcap"), "none.mcap"),
        (("export", "csv", "none.mcap"), "none.mcap"),
        (("check-config", "none.toml"), "none.toml"),
        (("fly",), "fly"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_the_culprit(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = invoke(*arguments)
    assert code == 2
    assert words in text
    assert "Traceback" not in text


def test_options_lie_over_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text('seed = 5\nlanguage = "zh"\n[network]\nport = 9000\n[video]\nfps = 25\n')
    config = effective(Request(config=file, port=0, out=tmp_path / "o", record=False))
    assert config.network.port == 0
    assert (config.seed, config.language, config.video.fps) == (5, "zh", 25)
    assert not config.record.enabled
    assert config.record.folder == str(tmp_path / "o")
    assert effective(Request(seed=9, source="sample")).video.source == "sample"
    with pytest.raises(ConfigError):
        effective(Request(language="fr"))


def test_check_config_names_every_problem(tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_text("[limits]\nforce_trip_n = 22.0\n")
    assert invoke("check-config", str(good)) == (0, f"✓ {good} can be used.\n")
    bad = tmp_path / "bad.toml"
    bad.write_text('site = "a/b"\n[video]\nsource = "none.mp4"\n[arm]\ndriver = "golem"\n')
    code, text = invoke("check-config", str(bad), "--json")
    assert code == 2
    problems = json.loads(text)["problems"]
    assert len(problems) == 3
    wide = tmp_path / "wide.toml"
    wide.write_text("[limits]\ncommand_age_ms = 60.0\nstamp_life_ms = 60.0\n")
    code, text = invoke("check-config", str(wide))
    assert "command_age_ms is wider" in text
    typo = tmp_path / "typo.toml"
    typo.write_text("[limits]\nforce_trap_n = 1.0\n")
    code, text = invoke("check-config", str(typo))
    assert code == 2
    assert "force_trap_n" in text


def test_info_of_a_recording(tmp_path: Path) -> None:
    file = write(tmp_path / "a.mcap", without=(5,))
    code, text = invoke("info", str(file))
    assert code == 0
    assert "guard_step" in text
    assert "COMMAND_AGE" in text
    code, text = invoke("info", str(file), "--json")
    assert json.loads(text)["topics"]["guard_step"]["missing"] == 1


def test_both_languages_have_the_same_sentences_with_the_same_values() -> None:
    tables = [json.loads((FOLDER / f"{lang}.json").read_text("utf-8")) for lang in ("en", "zh")]
    keys = [{k for k in table if k.startswith("cli.")} for table in tables]
    assert keys[0] == keys[1]
    for key in keys[0]:
        fields = [set(re.findall(r"{(\w+)}", table[key])) for table in tables]
        assert fields[0] == fields[1], key


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_status_line_says_state_cause_and_next_step(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = Texts(language)
    view = PlainView(texts, Bedside())
    status = Status(
        state="HOLD", first_out="COMMAND_AGE", step="ALLOW_MOTION", guard_alive=True,
        loop_p50_ms=31.4, force_n=4.96, fps=30.0,
    )  # fmt: skip
    view.status(status)
    line = capsys.readouterr().out
    for key in ("state.HOLD", "cause.COMMAND_AGE", "step.ALLOW_MOTION"):
        assert texts(key) in line
    assert "31/-" in line
    assert "5.0" in line
    view.status(status)
    assert capsys.readouterr().out == "", "the same again is not repeated at once"
    view.status(Status(guard_alive=False, missing=("guard",)))
    assert texts("state.LOST") in capsys.readouterr().out


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("age_ms", "loop_ms", "key"),
    [(40.0, 50.0, "step.WAIT_FOR_LINK"), (94.2, 20.0, "step.link_slow"),
     (94.2, 70.0, "step.link_slow"), (14.0, 63.5, "step.loop_slow"),
     (-1.0, -1.0, "step.WAIT_FOR_LINK")],
)  # fmt: skip
def test_a_link_too_slow_to_pass_its_test_says_so(
    language: str, age_ms: float, loop_ms: float, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise a newcomer waits for ever and does not know for what."""
    texts = Texts(language)
    view = PlainView(texts, Bedside())
    status = Status(
        state="CONNECTED", step="WAIT_FOR_LINK", guard_alive=True, age_p99_ms=age_ms,
        loop_p99_ms=loop_ms, qualify_age_ms=40.0, qualify_s=5.0, loop_limit_ms=50.0,
    )  # fmt: skip
    view.status(status)
    limit = "50" if key == "step.loop_slow" else "40"
    assert texts(key, age=95, loop=64, limit=limit, s="5") in capsys.readouterr().out
    view.status(replace(status, age_p99_ms=age_ms + 1.0))
    assert capsys.readouterr().out == "", "another figure is no news"


def test_the_views_show_a_crash_with_its_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    event = Ended("servo", "exit code 7", "the gears [b]are[/b] jammed", 0.5, True)
    PlainView(Texts("en"), Bedside()).ended(event)
    out = capsys.readouterr().out
    assert "both people" in out
    assert "the gears [b]are[/b] jammed" in out
    JsonView().ended(event)
    assert json.loads(capsys.readouterr().out)["name"] == "servo"


def test_the_end_names_the_recording(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, object] = {"file": "a.mcap", "bytes": 1_500_000, "drops": 3, "error": ""}
    PlainView(Texts("en"), Bedside()).stopped(Stopped(True, 0.1, (), 0.4, {}), facts)
    assert "a.mcap (1.5 MB, 3 dropped)" in capsys.readouterr().out


def test_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainView(Texts("en"), Bedside())
    recording: dict[str, object] = {
        "error": "[Errno 28] No space left", "bytes": 0, "file": "runs/[/old] :x:.mcap", "drops": 0
    }  # fmt: skip
    view.stopped(Stopped(True, 0.1, (), 0.3, {}), recording)
    view.say("cli.auto_late", count=2)
    shown = " ".join(capsys.readouterr().out.split())
    assert "[Errno 28] No space left" in shown
    assert "runs/[/old] :x:.mcap" in shown
    assert "under [rates] in a --config file" in shown


def test_the_result_table_has_a_mark_per_criterion(capsys: pytest.CaptureFixture[str]) -> None:
    result: dict[str, object] = {
        "success": False,
        "criteria": [
            {"name": "contact", "value": 0.97, "limit": ">= 0.95", "ok": True},
            {"name": "force", "value": 1.7, "limit": "<= 1", "ok": False},
        ],
        "measured": {"loop_ms": {"p50": 31.25, "p99": 44.0}},
    }
    view = PlainView(Texts("en"), Bedside())
    view.result(result)
    out = capsys.readouterr().out
    assert out.count("✓") == 1
    assert out.count("✗") == 1
    assert "p50 31.25" in out
    assert "did not succeed" in out
    assert result_table({}).row_count == 0


@pytest.mark.parametrize(
    ("success", "causes", "said"),
    [
        (False, {"LOOP_LATENCY": 2, "COMMAND_AGE": 1, "BEDSIDE_STOP": 5}, "stopped 3 times"),
        (False, {"BEDSIDE_STOP": 5, "SERVO_LOST": 1, "ARM_SILENT": 1}, None),
        (True, {"LOOP_LATENCY": 2}, None),
    ],
)
def test_a_scan_that_failed_because_all_was_late_says_what_to_do(
    success: bool, causes: dict[str, int], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    result: dict[str, object] = {"success": success, "measured": {"hold_causes": causes}}
    PlainView(Texts("en"), Bedside()).result(result)
    out = " ".join(capsys.readouterr().out.split())
    assert ("teleop doctor" in out) is (said is not None)
    assert said is None or said in out


def test_start_up_problems_reach_the_command_line(tmp_path: Path) -> None:
    code, message = run_demo(Request(source=str(tmp_path / "none.mp4"), port=0, out=tmp_path))
    assert code == 2
    assert "no such file" in message
