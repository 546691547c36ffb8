"""`teleop demo`: options onto configuration, configuration into a session."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from teleop.cli.terminal import has_terminal, terminal_kept
from teleop.cli.text import Texts
from teleop.cli.views import Bedside, pick
from teleop.config import Config, ConfigError, load
from teleop.supervisor.errors import SupervisorError
from teleop.supervisor.preflight import BUILT_IN_SOURCES
from teleop.supervisor.rundir import default_state_folder
from teleop.supervisor.session import Options, Session, View


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for; None: as the configuration says."""

    auto_s: float = 0.0
    trajectory: Path | None = None
    source: str | None = None
    config: Path | None = None
    port: int | None = None
    bedside_input: str | None = None
    seed: int | None = None
    record: bool | None = None
    out: Path | None = None
    language: str | None = None
    insecure_lan: bool = False
    json_lines: bool = False
    consent: Path | None = None


def effective(request: Request) -> Config:
    """The configuration with the options of the command line laid over it."""
    config = load(request.config)
    replace = msgspec.structs.replace
    network, video, record = config.network, config.video, config.record
    if request.port is not None:
        network = replace(network, port=request.port)
    if request.insecure_lan:
        network = replace(network, insecure_lan=True)
    source = request.source if request.source is not None else video.source
    if source not in BUILT_IN_SOURCES:
        video = replace(video, source=str(Path(source).absolute()))
    else:
        video = replace(video, source=source)
    folder = request.out if request.out is not None else Path(record.folder)
    record = replace(record, folder=str(folder.absolute()))
    if request.record is not None:
        record = replace(record, enabled=request.record)
    config = replace(config, network=network, video=video, record=record)
    if config.arm.scene:
        scene = str(Path(config.arm.scene).absolute())
        config = replace(config, arm=replace(config.arm, scene=scene))
    if request.seed is not None:
        config = replace(config, seed=request.seed)
    if request.language is not None:
        if request.language not in ("en", "zh"):
            raise ConfigError(f"--lang {request.language}: en and zh are known")
        config = replace(config, language=request.language)
    return config


def run_demo(request: Request) -> tuple[int, str]:
    """Run a session; return the exit code and what to say on the error output."""
    try:
        config = effective(request)
        if request.trajectory is not None and request.auto_s <= 0:
            raise ConfigError("--trajectory needs --auto SECONDS")
        texts = Texts(config.language)
    except ConfigError as error:
        return 2, str(error)
    except SupervisorError as error:
        return error.exit_code, str(error)
    bedside = request.bedside_input or config.bedside.input or "key"
    if bedside != "key":
        bedside = str(Path(bedside).absolute())
    options = Options(
        state_folder=state_folder(request, config),
        bedside_input=bedside,
        auto_s=request.auto_s,
        trajectory=request.trajectory,
        consent=request.consent,
    )
    path = "" if bedside == "key" else bedside
    shown = Bedside(path, has_terminal(), scripted=request.auto_s > 0)
    try:
        with terminal_kept(), pick(request.json_lines, texts, shown) as view:
            _warn(config, view)
            return Session(config, options, view).run(), ""
    except SupervisorError as error:
        return error.exit_code, str(error)


def state_folder(request: Request, config: Config) -> Path:
    """Where the site keeps what survives a run."""
    if request.out is not None:
        return request.out.absolute() / f"site-{config.site}"
    return default_state_folder(config.site)


def _warn(config: Config, view: View) -> None:
    """Banners that stand before everything else."""
    if config.network.insecure_lan:
        view.say("cli.insecure", address=config.network.bind)
