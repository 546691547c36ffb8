"""A session with the haptic console and real processes: `python -m bench.haptics.real`.

The demo, a scripted nurse, and `teleop console --handle sim --auto` as a child process: what is
felt in real time, beside the figures of the virtual clock. The machine's load is part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from bench.pages.demo import LIGHT, Demo
from bench.pages.nurse import GivenKey
from safety.states import ContactState, State
from teleop.scripted.nurse import ScriptedNurse

LOOK_S = 0.05
HAPTIC = "haptic_ms = 400.0\n"
"""Continues the widened limits: forces are rendered on a busy machine too."""


@dataclass
class Played:
    """What happened, seen from the robot's side, and what the console printed."""

    code: int = -1
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: str = ""
    states: list[State] = field(default_factory=list)
    """Guard's states in order."""
    contacts: list[ContactState] = field(default_factory=list)
    """Servo's contact states in order."""
    peak_force_n: float = 0.0
    """Largest force that the arm measured along the probe."""

    @property
    def result(self) -> dict[str, Any]:
        """The verdict and the figures; empty: there are none."""
        found = [line for line in self.lines if line.get("event") == "result"]
        return found[-1] if found else {}

    def watch(self, demo: Demo) -> None:
        """Look at the robot once."""
        state, contact = demo.guard.state, demo.servo.contact
        if self.states[-1:] != [state]:
            self.states.append(state)
        if self.contacts[-1:] != [contact]:
            self.contacts.append(contact)
        self.peak_force_n = max(self.peak_force_n, demo.arm.force_n[2])


async def play(demo: Demo, seconds: float) -> Played:
    """One session on a running demo, from joining to HOLD."""
    nurse, out = ScriptedNurse(demo.run_dir, GivenKey(demo.bedside.fileno())), Played()
    await nurse.start()
    command = [sys.executable, "-m", "teleop.cli", "console", "--json", "--handle", "sim"]
    command += ["--auto", f"{seconds:g}", "--run", str(demo.run_dir)]
    pipe = asyncio.subprocess.PIPE
    console = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    watcher = asyncio.create_task(_watch(demo, out))
    try:
        printed, errors = await console.communicate()
    finally:
        watcher.cancel()
        if console.returncode is None:
            console.kill()
        await nurse.close()
    out.code, out.errors = console.returncode or 0, errors.decode()
    out.lines = [json.loads(line) for line in printed.decode().splitlines()]
    return out


async def _watch(demo: Demo, out: Played) -> None:
    while True:
        out.watch(demo)
        await asyncio.sleep(LOOK_S)


def session(folder: Path, seconds: float, *, widened: bool = True) -> Played:
    """Start a demo, play one session on it, end it."""
    demo = Demo(folder, extra=HAPTIC + LIGHT if widened else "", widened=widened, record=False)
    try:
        demo.start()
        return uvloop.run(play(demo, seconds))
    finally:
        demo.stop()


def main() -> int:
    """Play one session; print what was measured."""
    parser = argparse.ArgumentParser(prog="bench.haptics.real", description=__doc__)
    parser.add_argument("--seconds", type=float, default=25.0, help="as `teleop console --auto`")
    parser.add_argument("--policy", action="store_true", help="the limits of the policy, unwidened")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="teleop-haptic-") as folder:
        out = session(Path(folder), given.seconds, widened=not given.policy)
    sys.stdout.write(json.dumps(out.result, indent=1) + "\n")
    path = " ".join(state.name for state in out.states)
    sys.stdout.write(f"states: {path}; robot's peak force {out.peak_force_n:.2f} N\n")
    sys.stderr.write(out.errors)
    return out.code


if __name__ == "__main__":
    sys.exit(main())
