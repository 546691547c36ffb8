"""One scripted scan from joining to the verdict, with a deadline for everything."""

from __future__ import annotations

import asyncio
import json
import os
import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from teleop.scripted.audit import AuditTalk
from teleop.scripted.client import ClientError
from teleop.scripted.expert import ScriptedExpert
from teleop.scripted.hand import Path as HandPath
from teleop.scripted.nurse import ScriptedNurse
from teleop.scripted.persons import Phase
from teleop.scripted.score import Criterion
from transport.local.clock import now_ns

LIFT_S = 4.0
"""Kept for lifting off and letting go at the end."""
SCAN_MIN_S = 8.0
"""A scan that began late still gets this long, within the grace."""
GRACE_S = 45.0
"""Beyond the asked time: for a machine so busy that the set-up or a stop took long."""
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """What `--result` holds."""

    success: bool
    criteria: list[Criterion]
    measured: dict[str, Any]
    error: str = ""

    def json(self) -> str:
        """As written to the file."""
        return json.dumps(asdict(self), indent=1)


async def scan(
    run_dir: Path, path: HandPath, seconds: float, log_folder: Path | None = None
) -> Result:
    """Run expert and nurse for about `seconds`; never raises for what goes wrong on the way.

    `log_folder`: where the expert's site keeps its audit log. BookError: it cannot be written.
    """
    audit = AuditTalk(log_folder) if log_folder is not None else None
    nurse, expert = ScriptedNurse(run_dir), ScriptedExpert(run_dir, path, audit)
    start_ns = now_ns()
    error = ""
    try:
        await nurse.start()
        await expert.start()
        await _until_done(nurse, expert, start_ns, seconds)
    except (ClientError, TimeoutError, OSError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    except asyncio.CancelledError:  # the supervisor asks to leave: report what was measured
        error = "ended from outside before the scan was done"
    finally:
        await expert.close()
        await nurse.close()
    if audit is not None and audit.problem:
        error = error or f"the robot's audit log: {audit.problem}"
    return _judge(nurse, expert, start_ns, error)


async def _until_done(
    nurse: ScriptedNurse, expert: ScriptedExpert, start_ns: int, seconds: float
) -> None:
    while expert.phase != Phase.DONE:
        await asyncio.sleep(POLL_S)
        for person in (nurse, expert):
            failure = person.failure()
            if failure is not None:
                raise ClientError(f"{type(person).__name__}: {failure!r}") from failure
        elapsed_s = (now_ns() - start_ns) / 1e9
        enough = expert.score.scan_s >= min(SCAN_MIN_S, seconds)
        if elapsed_s > seconds - LIFT_S and (enough or elapsed_s > seconds + GRACE_S - LIFT_S):
            expert.finish()
        if elapsed_s > seconds + GRACE_S:
            raise TimeoutError(_where(expert, nurse))


def _where(expert: ScriptedExpert, nurse: ScriptedNurse) -> str:
    shown = expert.shown()
    key = "" if nurse.key_open else "; no stop key: press s in the demo's terminal"
    return f"the scan did not end in time: phase {expert.phase.name}, {shown}{key}"


def _judge(nurse: ScriptedNurse, expert: ScriptedExpert, start_ns: int, error: str) -> Result:
    score, eyes = expert.score, expert.eyes
    total_s = (now_ns() - start_ns) / 1e9
    watched_s = (now_ns() - expert.first_picture_ns) / 1e9 if expert.first_picture_ns else 0.0
    fps = eyes.pictures / watched_s if watched_s > 0 else 0.0
    hand_m = 0.0 if expert.console is None else expert.console.player.travelled_m
    criteria = score.criteria(hand_m, fps, eyes.change_grey)
    done = expert.phase == Phase.DONE
    criteria.insert(0, Criterion("completed", float(done), 1.0, done))
    measured = score.measured() | {
        "hand_mm": round(hand_m * 1e3, 1),
        "frames_per_s": round(fps, 2),
        "picture_change_grey": round(eyes.change_grey, 2),
        "own_loop_lateness_ms": expert.lateness.summary(),
        "engagements": expert.expert.engagements,
        "acknowledged": expert.expert.acknowledged,
        "motion_allowed": nurse.allowed,
        "connections_opened": {
            "command": expert.link.opened_data,
            "video": expert.link.opened_video,
        },
        "unreadable_messages": expert.unreadable,
        "own_cpu_percent": round(_cpu_s() / max(total_s, 1e-9) * 100.0, 1),
        "total_s": round(total_s, 2),
    }
    if error:
        measured = {"error": error} | measured
    success = not error and all(criterion.ok for criterion in criteria)
    return Result(success, criteria, measured, error)


def _cpu_s() -> float:
    """Processor time of this process, all threads (s)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def write(result: Result, path: Path) -> None:
    """Write the result in one step: a reader never sees half of it."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(result.json(), "utf-8")
    os.replace(part, path)
