"""The haptic loop as a child process, tied to us by a pipe."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teleop.console.session import Options

LEAVE_S = 2.0


class LoopProcess:
    """Runs `teleop.console.loop`; when we end, its pipe closes and it leaves."""

    def __init__(self, options: Options, folder: Path) -> None:
        theirs, self._ours = os.pipe()
        self._log = folder / "loop.log"
        command = [
            sys.executable, "-m", "teleop.console.loop", "--dir", str(folder),
            "--handle", options.handle, "--life", str(theirs),
            "--motion-scale", str(options.motion_scale), "--force-scale", str(options.force_scale),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, pass_fds=(theirs,), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        os.close(theirs)

    def ended(self) -> bool:
        """True when it is not running any more."""
        return self._process.poll() is not None

    def last_words(self) -> str:
        """What it wrote before it ended."""
        return self._log.read_text("utf-8", "replace").strip()[-500:]

    def end(self) -> None:
        """Let it go: forces off, then it leaves."""
        os.close(self._ours)
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
