"""The arm box as a process: `python -m robot_sim.box --run RUN_DIR --life FD`.

Stands for a vendor's controller: joint velocities in, measurements out, its own watchdogs. It
publishes `arm.state` each cycle and reads `arm.command` (servo) and `arm.enable` (guard).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_sim.errors import BoxError
from robot_sim.scene import SceneError, load_scene
from robot_sim.world import ArmBox
from safety.messages import ARM_COMMAND, ARM_STATE, ENABLE, ArmCommand, ArmState, EnableSignal
from transport.local.clock import now_ns
from transport.local.life import Life
from transport.local.loop import Cycle
from transport.local.mailbox import Mailbox, MailboxError
from transport.local.realtime import NOT_ASKED, go_real_time
from transport.local.ring import RingWriter
from transport.local.timing import TimingTeller

FIFO_PRIORITY = 45
"""As in `teleop/processes.py` (a vendor's box knows no table of ours)."""
NOTE_BYTES, NOTE_SLOTS = 4096, 64
"""Size of the ring `arm.notes`, as in `teleop/channels.py`."""
LEAVE_NS = 1_000_000_000
"""Brakes need 30 ms; a second without standstill means that waiting longer does not help."""
REST_M_S = 0.002


@dataclass(frozen=True, slots=True)
class Settings:
    """What the box takes from the run folder."""

    control_hz: int
    physics_hz: int
    real_time: bool
    cpus: tuple[int, ...]
    seed: int
    scene: Path | None
    command_silence_ns: int
    enable_silence_ns: int


def read_settings(run_dir: Path, cores: int) -> Settings:
    """Read `config.json` and `limits.json`; BoxError names the file and what is missing."""
    config = _json(run_dir / "config.json")
    limits = _json(run_dir / "limits.json")
    try:
        rates, scene = config["rates"], config["arm"]["scene"]
        return Settings(
            control_hz=int(rates["control_hz"]) or (500 if cores <= 2 else 1000),
            physics_hz=int(rates["physics_hz"]),
            real_time=bool(rates["real_time"]),
            cpus=tuple(map(int, rates["control_cpus"])),
            seed=int(config["seed"]),
            scene=Path(scene) if scene else None,
            command_silence_ns=round(float(limits["servo_silent_ms"]) * 1e6),
            enable_silence_ns=round(float(limits["permit_life_ms"]) * 1e6),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BoxError(f"{run_dir}: config.json or limits.json lacks {error}") from error


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BoxError(f"{path}: {error}; start the processes with `teleop demo`") from error


class BoxProcess:
    """Mailboxes around an `ArmBox`."""

    def __init__(self, run_dir: Path, settings: Settings) -> None:
        self._state = Mailbox[ArmState](run_dir / "arm.state", ARM_STATE)
        self._commands = Mailbox[ArmCommand](run_dir / "arm.command", ARM_COMMAND)
        self._enable = Mailbox[EnableSignal](run_dir / "arm.enable", ENABLE)
        self._notes = RingWriter(run_dir / "arm.notes", NOTE_BYTES, NOTE_SLOTS)
        self._run_dir = run_dir
        self._settings = settings
        self._box = ArmBox(
            load_scene(settings.scene),
            seed=settings.seed,
            physics_hz=settings.physics_hz,
            incarnation=now_ns(),
            command_silence_ns=settings.command_silence_ns,
            enable_silence_ns=settings.enable_silence_ns,
        )

    def note(self, **content: object) -> None:
        """Tell the recording."""
        text = json.dumps(content).encode()[: NOTE_BYTES - 8]
        self._notes.write(now_ns().to_bytes(8, "little", signed=True) + text)

    def run(self, life: Life) -> None:
        """Step until told to leave, then brake, then leave."""
        cycle = Cycle(1_000_000_000 // self._settings.control_hz)
        asked = self._settings.real_time
        granted = go_real_time(FIFO_PRIORITY, self._settings.cpus) if asked else NOT_ASKED
        self.note(kind="started", **asdict(granted))
        timing = TimingTeller(self._run_dir / "arm.timing", granted)
        command: tuple[int, ArmCommand] | None = None
        enable: tuple[int, EnableSignal] | None = None
        while not life.leaving():
            timing.tell(cycle.wait(), cycle)
            # A read can fail when the writer laps it; the last value then ages.
            command = self._commands.read() or command
            enable = self._enable.read() or enable
            seq, order = command or (0, None)
            # Time is taken after reading, so that no fresh command seems to come from the future.
            now = now_ns()
            self._state.write(self._box.step(now, order, enable[1] if enable else None, seq))
        self._leave(cycle, timing)

    def _leave(self, cycle: Cycle, timing: TimingTeller) -> None:
        """Brake as after a power cut; publish until the arm is at rest."""
        until_ns = now_ns() + LEAVE_NS
        while True:
            state = self._box.step(now := cycle.wait(), None, None)
            self._state.write(state)
            speed = max(map(abs, state.base_v_probe_m_s))
            if (state.braked and speed < REST_M_S) or now > until_ns:
                collected = timing.collected()
                self.note(kind="left", overruns=cycle.overruns, collections=collected)
                return


def main(arguments: list[str] | None = None) -> int:
    """Run the box; return the exit code."""
    parser = argparse.ArgumentParser(prog="robot_sim.box", description="Simulated arm box.")
    parser.add_argument("--run", type=Path, required=True, help="run folder with the channels")
    parser.add_argument("--life", type=int, help="life pipe of the supervisor (file descriptor)")
    given = parser.parse_args(arguments)
    life = Life(given.life)
    try:
        settings = read_settings(given.run, os.cpu_count() or 1)
        BoxProcess(given.run, settings).run(life)
    except (BoxError, SceneError, MailboxError) as error:
        sys.stderr.write(f"arm: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
