"""Configuration and scene files: defaults, clear errors, and no bad input gets through."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from robot_sim.scene import BUILT_IN, SceneError, load_scene, skin_z_m
from safety.limits import Limits
from teleop.config import Config, ConfigError, control_hz, load, parse, read_run, write_run

GOOD = """
site = "county-3"
seed = 7
language = "zh"
[network]
port = 8443
[video]
source = "sample"
fps = 60
[limits]
force_cap_n = 10.0
workspace_min_m = [0.4, -0.2, 0.0]
"""


def test_what_is_not_named_keeps_its_default() -> None:
    config = parse(GOOD)
    assert (config.site, config.video.fps, config.limits.force_cap_n) == ("county-3", 60, 10.0)
    assert config.limits.command_age_ms == Limits().command_age_ms
    assert parse("") == Config() == load(None)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("sit = 'x'", "sit"),
        ("[network]\nport = 70000", "port"),
        ("[network]\nport = 'http'", "port"),
        ("[video]\nwidth = 641", "width"),
        ("[limits]\nforce_cap = 3.0", "force_cap"),
        ("[limits]\ncommand_age_ms = 'fast'", "command_age_ms"),
        ("language = 'fr'", "language"),
        ("seed = [", "end of document"),
    ],
)
def test_each_mistake_is_named(text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        parse(text, "site.toml")


def test_unreadable_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "missing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "binary.toml")
    with pytest.raises(ConfigError):
        read_run(tmp_path)


def _mutate(rng: random.Random, text: str) -> str:
    data = list(text)
    for _ in range(rng.randrange(1, 12)):
        at = rng.randrange(len(data))
        kind = rng.randrange(3)
        if kind == 0:
            data[at] = chr(rng.choice([0, 9, 34, 39, 91, 93, 45, 46, 61, 0x7F, 0xE9, 0x4E2D, 101]))
        elif kind == 1:
            del data[at : at + rng.randrange(1, 8)]
        else:
            data.insert(
                at, rng.choice(["nan", "inf", "-", "1e999", "[[", '"', "= =", "\n", "9" * 40])
            )
        data = data or ["x"]
    return "".join(data)


def test_a_thousand_bad_configurations_are_refused_or_typed() -> None:
    rng, refused = random.Random(3), 0
    for _ in range(1500):
        try:
            config = parse(_mutate(rng, GOOD))
        except ConfigError:
            refused += 1
            continue
        assert isinstance(config.limits.force_cap_n, float)
        assert 0 <= config.network.port <= 65535
    assert refused > 750


def test_a_thousand_bad_scenes_are_refused_or_typed(tmp_path: Path) -> None:
    rng, file = random.Random(4), tmp_path / "scene.toml"
    good, refused = BUILT_IN.read_text("utf-8"), 0
    for _ in range(1000):
        file.write_text(_mutate(rng, good), "utf-8")
        try:
            scene = load_scene(file)
        except SceneError:
            refused += 1
            continue
        assert math.isfinite(skin_z_m(scene, 0.01, 0.02, 123_456_789))
    assert refused > 300


def test_the_effective_configuration_survives_the_run_folder(tmp_path: Path) -> None:
    config = parse(GOOD)
    write_run(tmp_path, config)
    assert read_run(tmp_path) == config


@pytest.mark.parametrize(("cores", "hz"), [(1, 500), (2, 500), (4, 1000)])
def test_the_rate_follows_the_machine(cores: int, hz: int) -> None:
    assert control_hz(Config(), cores) == hz
    assert control_hz(parse("[rates]\ncontrol_hz = 800"), cores) == 800
