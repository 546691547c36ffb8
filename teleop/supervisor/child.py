"""One child process: started with its life pipe and a log file, signalled, waited for."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from teleop.processes import ProcessSpec

LOG_LIMIT_BYTES = 4 << 20
"""A log longer than this is cut, so that a noisy process cannot fill the shared memory."""
ENDING_NICE = -5
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONUNBUFFERED": "1",
}


def _ignore_terminal_signals() -> None:
    """Ctrl-C and a closed terminal are the supervisor's business (runs in the child)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Child:
    """A running (or ended) process."""

    def __init__(
        self,
        spec: ProcessSpec,
        run_dir: Path,
        life_fd: int,
        extra: tuple[str, ...] = (),
        fds: tuple[int, ...] = (),
    ) -> None:
        """`fds`: further descriptors that it inherits (named in `extra`)."""
        self.spec = spec
        self.log = run_dir / "logs" / f"{spec.name}.log"
        self.notes: list[str] = []
        # -P: the working folder is not searched, so nothing lying there can pose as our package.
        command = [sys.executable, "-P", "-m", spec.module]
        command += ["--run", str(run_dir), "--life", str(life_fd), *extra]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=None if spec.foreground else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(life_fd, *fds),
                start_new_session=not spec.foreground,
                preexec_fn=_ignore_terminal_signals,  # noqa: PLW1509 (one thread here)
                env={**os.environ, **_ONE_THREAD},
            )
        self.pid = self._process.pid
        self._set_nice()

    def _set_nice(self) -> None:
        """Ask for the priority of the table; a refusal is only noted."""
        if self.spec.nice == 0:
            return
        try:
            self._renice(self.spec.nice)
        except OSError as error:
            self.notes.append(f"priority {self.spec.nice} refused ({error.strerror})")

    def _renice(self, nice: int) -> None:
        """Between sessions only the session's own nice value counts, see sched(7), autogroup."""
        os.setpriority(os.PRIO_PROCESS, self.pid, nice)
        autogroup = Path(f"/proc/{self.pid}/autogroup")
        if not self.spec.foreground and autogroup.exists():  # the terminal's session is not ours
            autogroup.write_text(str(nice), "ascii")

    def prefer(self) -> None:
        """Let it finish quickly: the session ends and nothing else is as urgent."""
        with contextlib.suppress(OSError):  # refused without rights, or it has ended: no harm
            self._renice(ENDING_NICE)

    def poll(self) -> int | None:
        """Exit code when it has ended (negative: signal), else None."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        """Still running."""
        return self.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        with contextlib.suppress(ProcessLookupError):  # it ended between the check and the signal
            self._process.send_signal(number)

    def tail(self, lines: int = 12) -> str:
        """The last lines of its log."""
        try:
            text = self.log.read_bytes()[-16384:].decode("utf-8", "replace")
        except OSError as error:
            return f"(no log: {error})"
        return "\n".join(text.strip().splitlines()[-lines:])

    def limit_log(self) -> None:
        """Cut a log that has grown too long (it is open for appending)."""
        with contextlib.suppress(OSError):  # a log is never worth a session
            if self.log.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(self.log, 0)


def exit_text(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
