"""`python -m teleop.scripted --run RUN_DIR --seconds N [--trajectory FILE] --result FILE`.

Exit codes: 0 the scan succeeded, 1 it did not, 2 the trajectory or the arguments cannot be used
(then there is no result, and the reason is the last line of the error output).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import uvloop

from teleop.audit.errors import AuditError
from teleop.config import ConfigError, read_run
from teleop.processes import spec
from teleop.scripted import run
from teleop.scripted.hand import Path as HandPath
from teleop.scripted.hand import Sweep
from teleop.scripted.trajectory import TrajectoryError, load
from transport.webrtc.ice import bind_addresses, use_addresses

SECONDS_MIN = 5.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m teleop.scripted", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="run folder of the demo")
    parser.add_argument("--seconds", type=float, required=True, help="about how long, 5 or more")
    parser.add_argument("--trajectory", type=Path, help="tracked sequence (.igs.mha)")
    parser.add_argument("--result", type=Path, required=True, help="where the verdict goes (JSON)")
    parser.add_argument("--audit", type=Path, help="folder of the expert's audit log")
    parser.add_argument("--life", type=int, default=-1, help="pipe of the supervisor")
    return parser.parse_args()


async def _supervised(arguments: argparse.Namespace, path: HandPath) -> run.Result:
    """Scan until done, or until the supervisor asks to leave (SIGTERM) or is gone (pipe)."""
    loop = asyncio.get_running_loop()
    seconds = max(SECONDS_MIN, arguments.seconds)
    task = asyncio.create_task(run.scan(arguments.run, path, seconds, arguments.audit))
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    if arguments.life >= 0:
        loop.add_reader(arguments.life, _supervisor_gone, loop, arguments.life, task)
    return await task


def _supervisor_gone(
    loop: asyncio.AbstractEventLoop, life: int, task: asyncio.Task[run.Result]
) -> None:
    """The life pipe is readable: it carries nothing, so this is its end."""
    loop.remove_reader(life)
    task.cancel()


def main() -> int:
    """Run one scan and write its result."""
    arguments = _arguments()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor handles Ctrl-C
    try:
        config = read_run(arguments.run)
        path: HandPath = Sweep(config.seed)
        if arguments.trajectory is not None:
            path = load(arguments.trajectory)
    except (ConfigError, TrajectoryError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with contextlib.suppress(OSError):  # without the right to it the scan runs as it is
        os.setpriority(os.PRIO_PROCESS, 0, spec("gateway").nice)
    use_addresses(bind_addresses(config.network.bind))
    try:
        result = uvloop.run(_supervised(arguments, path))
    except AuditError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    run.write(result, arguments.result)
    if result.error:
        sys.stderr.write(f"{result.error}\n")
    return 0 if result.success else 1


if __name__ == "__main__":
    raise SystemExit(main())
