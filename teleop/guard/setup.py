"""What guard reads before it starts, with the standard library alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safety.limits import Limits, LimitsError, check, from_json
from teleop.guard.errors import SetupError

SLOW_HZ, FAST_HZ = 500, 1000
"""Loop rate on up to two cores, and on more (as `teleop.config.control_hz`)."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything fixed for this run."""

    limits: Limits
    simulated: bool
    boot: int
    """The supervisor's boot counter of this site."""
    display_lag_ms: float
    control_hz: int
    real_time: bool
    cpus: tuple[int, ...]
    """Processors of the control loops; empty: any."""


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: {error}. Start the processes from `teleop demo`.") from error
    if not isinstance(value, dict):
        raise SetupError(f"{path}: not a JSON object. Start the processes from `teleop demo`.")
    return value


def read(run_dir: Path) -> Setup:
    """Read limits, site facts and rates; SetupError names what is wrong."""
    site, config = _object(run_dir / "site.json"), _object(run_dir / "config.json")
    simulated = site.get("simulated") is True
    try:
        limits = from_json(_object(run_dir / "limits.json"))
        check(limits, simulated)
        rates, video = config.get("rates", {}), config.get("video", {})
        wanted_hz = int(rates.get("control_hz", 0))
        default_hz = SLOW_HZ if (os.cpu_count() or 1) <= 2 else FAST_HZ
        return Setup(
            limits=limits,
            simulated=simulated,
            boot=int(site.get("boot", 0)),
            display_lag_ms=float(video.get("display_lag_ms", 0.0)),
            control_hz=wanted_hz or default_hz,
            real_time=rates.get("real_time", True) is True,
            cpus=tuple(map(int, rates.get("control_cpus", ()))),
        )
    except LimitsError as error:
        raise SetupError(f"{run_dir / 'limits.json'}: {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise SetupError(f"{run_dir}: {error}") from error
