"""What can be wrong before anything moves, each with the next action in the message."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from robot_sim.scene import SceneError, load_scene
from safety import limits as limits_module
from safety.limits import LimitsError
from teleop.config import Config
from teleop.drivers.arm import UnknownArmError, entry
from teleop.processes import ProcessSpec
from teleop.supervisor.errors import MachineError, SupervisorError, UsageError

BUILT_IN_SOURCES = ("sim", "sample")


def is_simulated(config: Config) -> bool:
    """Whether the driver of the configured arm declares itself simulated."""
    try:
        return entry(config.arm.driver).declares_simulated
    except UnknownArmError as error:
        raise UsageError(str(error)) from error


def check_modules(table: Iterable[ProcessSpec]) -> None:
    """Every module of the table can be started."""
    for spec in table:
        try:
            found = importlib.util.find_spec(spec.module)
            if found is not None and found.submodule_search_locations is not None:
                found = importlib.util.find_spec(f"{spec.module}.__main__")
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise MachineError(
                f"Process {spec.name}: module {spec.module} is missing. "
                "The installation is incomplete; run  make setup  again."
            )


def check_site(config: Config) -> None:
    """The site's name can be a folder name (it keeps the epochs)."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", config.site):
        raise UsageError(f"site = {config.site!r}: use letters, digits, - and _ (at most 64).")


def check_address(config: Config, try_port: bool = True) -> None:
    """The pages may be served where the configuration says, and the port is free now."""
    network = config.network
    try:
        loopback = ipaddress.ip_address(network.bind).is_loopback
    except ValueError:
        loopback = network.bind == "localhost"
    if not loopback and not network.tls and not network.insecure_lan:
        raise UsageError(
            f"network.bind = {network.bind}: without encryption anybody on that network could "
            "listen. Leave network.tls = true, or say --insecure-lan."
        )
    for name in ("certificate", "private_key"):
        path = getattr(network, name)
        if path and not Path(path).is_file():
            raise UsageError(f"network.{name} = {path}: no such file.")
    if network.port and try_port:
        _check_port(network.bind, network.port)


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"{host} port {port} cannot be used ({error.strerror}). "
                "Choose another:  teleop demo --port 8090   (0: any free port)"
            ) from error


def check_inputs(config: Config, trajectory: Path | None = None) -> None:
    """Scene, picture source and trajectory exist; the scene can be used."""
    try:
        load_scene(Path(config.arm.scene) if config.arm.scene else None)
    except SceneError as error:
        raise UsageError(f"arm.scene: {error}") from error
    source = config.video.source
    if source not in BUILT_IN_SOURCES and not Path(source).exists():
        raise UsageError(
            f"video.source = {source}: no such file, folder or device. Use sim, sample, a video "
            "file, a folder of images, a DICOM clip (.dcm), a tracked sequence (.igs.mha) or "
            "/dev/videoN."
        )
    if trajectory is not None and not trajectory.is_file():
        raise UsageError(f"--trajectory {trajectory}: no such file.")


def check_limits(config: Config) -> None:
    """The arm is known; limits are tightened, or widened on a simulated arm only."""
    simulated = is_simulated(config)
    try:
        limits_module.check(config.limits, simulated)
    except LimitsError as error:
        raise UsageError(f"limits: {error}") from error


def check_screen(config: Config) -> None:
    """No screen is without a lag; a patient's loop counts it (docs/timing.md)."""
    if not is_simulated(config) and config.video.display_lag_ms <= 0.0:
        raise UsageError(
            "video.display_lag_ms: a real arm needs the measured lag of the expert's screen "
            "(about 25 for a 60 Hz screen; docs/timing.md)."
        )


def check_folder(config: Config) -> None:
    """The recording has a folder and room in it."""
    folder = Path(config.record.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be made ({error.strerror}). Choose another --out."
        ) from (error)
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder}: not writable. Choose another --out.")
    if free_mb < config.record.min_free_mb:
        raise UsageError(
            f"{folder}: {free_mb} MB free, record.min_free_mb asks for "
            f"{config.record.min_free_mb}. Free some, choose another --out, or say --no-record."
        )


def check_all(
    config: Config, table: Sequence[ProcessSpec], trajectory: Path | None
) -> list[SupervisorError]:
    """Run every check; return all problems, so that one start shows them all."""
    checks: list[Callable[[], None]] = [
        lambda: check_site(config),
        lambda: check_modules(table),
        lambda: check_limits(config),
        lambda: check_screen(config),
        lambda: check_inputs(config, trajectory),
        lambda: check_address(config),
    ]
    if config.record.enabled:
        checks.append(lambda: check_folder(config))
    problems = []
    for check in checks:
        try:
            check()
        except SupervisorError as error:
            problems.append(error)
    return problems
