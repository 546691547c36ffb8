"""An emulated network with programs on both sides, for benches and tests.

with Network(scenario("5g"), seed=1) as network:
    robot = network.start(Side.ROBOT, ["python", "-m", "..."])
    console = network.start(Side.CONSOLE, ["chromium", network.address(Side.ROBOT), ...])
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.links.control import Begin
from bench.links.emulator import Emulator
from bench.links.namespaces import Namespaces, Side, address
from bench.links.profiles import Scenario
from bench.links.report import EmulatorReport

ROBOT_VARIABLE = "TELEOP_LINK_ROBOT"
CONSOLE_VARIABLE = "TELEOP_LINK_CONSOLE"
"""Environment of started programs: addresses of that side, one per link, separated by commas."""
LEAVE_S = 5.0


class Network:
    """Namespaces, their bridge process, and the programs that were started in them."""

    def __init__(self, scenario: Scenario, seed: int = 1, log_file: Path | None = None) -> None:
        """Set everything up; raises `EmulatorError` where rights or devices are missing."""
        self.scenario = scenario
        self._programs: list[subprocess.Popen[Any]] = []
        self._scripts = tempfile.TemporaryDirectory(prefix="teleop-links-")
        self._namespaces = Namespaces(len(scenario.links))
        begin = Begin(scenario.name, scenario.links, seed, str(log_file) if log_file else "")
        descriptors = [fd for ends in self._namespaces.ends for fd in (ends.robot, ends.console)]
        try:
            self.emulator = Emulator(
                "bench.links.bridge", [str(fd) for fd in descriptors], begin, descriptors
            )
        except BaseException:
            self._namespaces.close()
            self._scripts.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def address(self, side: Side, link: int = 0) -> str:
        """IPv4 address of one end of a link."""
        return address(side, link)

    def addresses(self, side: Side) -> list[str]:
        """All addresses of a side, by link."""
        return [address(side, link) for link in range(len(self.scenario.links))]

    def prefix(self, side: Side) -> list[str]:
        """What to put before a command so that it runs on that side."""
        return self._namespaces.prefix(side)

    def start(self, side: Side, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a program on a side (options as `subprocess.Popen`); `close` ends it."""
        environment = dict(options.pop("env", None) or os.environ)
        environment[ROBOT_VARIABLE] = ",".join(self.addresses(Side.ROBOT))
        environment[CONSOLE_VARIABLE] = ",".join(self.addresses(Side.CONSOLE))
        program = subprocess.Popen(
            [*self.prefix(side), *command],
            env=environment,
            start_new_session=True,
            **options,
        )
        self._programs.append(program)
        return program

    def wrapper(self, side: Side, executable: str) -> Path:
        """A script that runs `executable` on a side, for tools that want one path (Playwright)."""
        script = Path(self._scripts.name) / f"{side}-{Path(executable).name}"
        command = shlex.join([*self.prefix(side), executable])
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', "utf-8")
        script.chmod(0o755)
        return script

    def close(self) -> EmulatorReport | None:
        """End the programs, the bridge and the namespaces; return the bridge's report."""
        for program in reversed(self._programs):
            _end(program)
        self._programs.clear()
        report = self.emulator.stop()
        self._namespaces.close()
        self._scripts.cleanup()
        return report


def _end(program: subprocess.Popen[Any]) -> None:
    """End a program's session politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if program.poll() is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(LEAVE_S)
    for pipe in (program.stdin, program.stdout, program.stderr):
        if pipe is not None:
            pipe.close()
