"""The bedside person of a session whose console alone is a page: `python -m bench.pages.nurse`.

The tablet is another machine; where a browser would share the processors with what is measured,
the scripted nurse of `teleop demo --auto` stands in, in a process on the robot's side.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.pages.demo import Demo
from teleop.scripted.nurse import ScriptedNurse

PATIENCE_S = 5.0


class GivenKey:
    """The bedside key, pressed through an open connection to it."""

    def __init__(self, connection: int) -> None:
        self._connection = connection

    async def open(self) -> bool:
        """It is open."""
        return True

    async def press(self, key: bytes) -> None:
        """Press a key once."""
        os.write(self._connection, key)

    def close(self) -> None:
        """Whoever gave it closes it."""


@contextlib.contextmanager
def scripted_nurse(demo: Demo, python: str) -> Iterator[None]:
    """Look after the patient of a running demo until the block ends."""
    key = demo.bedside.fileno()
    command = [python, "-m", "bench.pages.nurse", str(demo.run_dir), str(key)]
    nurse = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(key,))
    assert nurse.stdin is not None
    try:
        yield
    finally:
        nurse.stdin.close()
        try:
            nurse.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            nurse.kill()
            nurse.wait()


async def _attend(run_dir: Path, key: int) -> None:
    """Until the standard input ends."""
    nurse = ScriptedNurse(run_dir, GivenKey(key))
    await nurse.start()
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), done.set)
    await done.wait()
    loop.remove_reader(sys.stdin.fileno())
    await nurse.close()


def main() -> int:
    """Join, and stay."""
    parser = argparse.ArgumentParser(prog="bench.pages.nurse")
    parser.add_argument("run", type=Path)
    parser.add_argument("key", type=int)
    arguments = parser.parse_args()
    asyncio.run(_attend(arguments.run, arguments.key))
    return 0


if __name__ == "__main__":
    sys.exit(main())
