"""One TOML file into frozen typed structs. Every field has a default; unknown names are refused."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from safety.limits import Limits

REPEAT_MS = 2.0
"""Second copies follow so much later: one tick of the gateway (docs/network.md)."""
Hz = Annotated[int, Meta(ge=50, le=2000)]


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the field and what is allowed."""


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the pages are served."""

    bind: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """0: any free port."""
    certificate: str = ""
    private_key: str = ""
    insecure_lan: bool = False
    tls: bool = True
    """Encrypt pages and sockets; without `certificate` by a certificate that the site makes."""
    repeat_after_ms: Annotated[float, Meta(ge=0, le=4)] | Literal["auto"] = "auto"
    """While one link carries commands and heartbeats: each goes out again this much later, before
    the next is due (5 and 4 ms). 0: never. auto: 2, and never to a console on this very machine
    (docs/network.md)."""

    def repeat_ms(self, *, near: bool) -> float:
        """When the second copies of a console go out; `near`: it is on this very machine."""
        if self.repeat_after_ms != "auto":
            return self.repeat_after_ms
        return 0.0 if near else REPEAT_MS


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One network link (a carrier, a cable) between console and robot."""

    name: Annotated[str, Meta(max_length=24)]
    """Shown at both ends."""
    address: Annotated[str, Meta(max_length=45)]
    """This machine's address on that link; empty: `network.bind`."""


class Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Loop rates (Hz). 0: chosen for this machine (500 on two cores or fewer, else 1000)."""

    control_hz: Annotated[int, Meta(ge=0, le=2000)] = 0
    physics_hz: Hz = 1000
    real_time: bool = True
    """Ask for SCHED_FIFO and locked memory."""
    control_cpus: tuple[Annotated[int, Meta(ge=0, le=1023)], ...] = ()
    """Processors on which arm, servo and guard may run (docs/timing.md); empty: any."""


class Video(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ultrasound stream."""

    source: str = "sim"
    """sim, sample, a file (video, image folder, .dcm, .igs.mha), or /dev/videoN."""
    width: Annotated[int, Meta(ge=160, le=1920, multiple_of=16)] = 640
    height: Annotated[int, Meta(ge=120, le=1080, multiple_of=16)] = 480
    fps: Annotated[int, Meta(ge=5, le=120)] = 30
    bitrate_kbps: Annotated[int, Meta(ge=200, le=50000)] = 8000
    display_lag_ms: Annotated[float, Meta(ge=0, le=100)] = 0.0
    """Lag of the expert's screen after its page has presented a picture: one refresh and the panel,
    counted in image and loop. 0: not counted, for simulated arms only (docs/timing.md)."""
    ladder: bool = True
    """Send less (rate, then size) where a link is too narrow, so that pictures do not queue."""
    duplicates: Literal["auto", "on", "off"] = "auto"
    """Send every packet twice: where loss is seen and the link is not too narrow, always, never."""
    duplicate_after_ms: Annotated[float, Meta(ge=0.5, le=20)] = 3.0
    pacing_ms: Annotated[float, Meta(ge=0, le=10)] = 2.0
    """Time over which a picture's packets are spread while they are sent twice; 0: at once."""


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which arm."""

    driver: str = "sim"
    """Name in the table of arms (`teleop/drivers/arm.py`): sim, sim-torque, or your own."""
    align: bool = False
    """Turn the probe axis to the surface normal while it presses."""
    scene: str = ""
    """Scene file (TOML); empty: the built-in abdomen."""


class Bedside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bedside input that does not pass through the gateway."""

    input: str = ""
    """tty, pty, evdev device or Unix socket path; empty: a key in this terminal."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Recording."""

    enabled: bool = True
    folder: str = "runs"
    min_free_mb: Annotated[int, Meta(ge=1)] = 200


class Security(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How command keys are agreed (docs/security.md)."""

    browser_consoles: bool = True
    """Consoles with neither a pin nor an enrolled device may drive; they trust the gateway."""
    enrolled_only: bool = False
    """Consoles and bedsides need an enrolled device (`teleop enrol`) besides their code."""
    rekey_s: Annotated[float, Meta(ge=5, le=86400)] = 600.0
    """A running session gets a new command key this often."""
    invitation_s: Annotated[float, Meta(ge=60, le=86400)] = 3600.0
    """The codes that a session starts with can be used for so long (`teleop invite` makes more)."""
    key_source: Literal["none", "pre-shared", "external"] = "none"
    """Keys mixed into every agreement, which consoles must be able to get as well."""
    key_path: str = ""
    """pre-shared: file of keys (mode 0600); external: Unix socket of the key service."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration."""

    site: str = "demo"
    language: Literal["en", "zh"] = "en"
    seed: int = 1
    network: Network = Network()
    rates: Rates = Rates()
    video: Video = Video()
    arm: Arm = Arm()
    bedside: Bedside = Bedside()
    record: Record = Record()
    limits: Limits = Limits()
    links: Annotated[tuple[Link, ...], Meta(max_length=4)] = ()
    """Links at once, each with its own connections; none: one unnamed link on `network.bind`."""
    security: Security = Security()


DEFAULT_LINKS = (Link("", ""),)


def links_of(config: Config) -> tuple[Link, ...]:
    """The links in use: the configured ones, or the one that every machine has."""
    return config.links or DEFAULT_LINKS


def parse(text: str, origin: str = "configuration") -> Config:
    """Parse TOML text; ConfigError says which field is wrong and what would be right."""
    try:
        table = tomllib.loads(text)
        _refuse_unknown_limits(table, origin)
        return msgspec.convert(table, Config)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{origin}: {error}") from error


def _refuse_unknown_limits(table: dict[str, Any], origin: str) -> None:
    """A misspelt limit must not pass as "default" (a plain dataclass would ignore it)."""
    limits = table.get("limits")
    if not isinstance(limits, dict):
        return
    known = {field.name for field in dataclasses.fields(Limits)}
    for name in sorted(set(limits) - known):
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{origin}: limits.{name} is unknown{hint}")


def load(path: Path | None) -> Config:
    """Read `path`, or the defaults when it is None."""
    if path is None:
        return Config()
    try:
        return parse(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error


def control_hz(config: Config, cores: int) -> int:
    """Rate of arm, servo and guard loops (docs/architecture.md: 500 Hz on two cores or fewer)."""
    return config.rates.control_hz or (500 if cores <= 2 else 1000)


CONFIG_FILE = "config.json"
"""Effective configuration in the run folder, written by the supervisor, read by every process."""
LIMITS_FILE = "limits.json"
"""Effective limits and site facts for guard (standard library JSON)."""


def read_run(run_dir: Path) -> Config:
    """The effective configuration of a run."""
    try:
        return msgspec.json.decode((run_dir / CONFIG_FILE).read_bytes(), type=Config)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{run_dir / CONFIG_FILE}: {error}") from error


def write_run(run_dir: Path, config: Config) -> None:
    """Write the effective configuration for the processes of this run."""
    (run_dir / CONFIG_FILE).write_bytes(msgspec.json.encode(config))
    (run_dir / LIMITS_FILE).write_bytes(msgspec.json.encode(config.limits))
