"""Starts an emulator process, talks to it, ends it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.links.control import (
    Answer,
    Begin,
    Command,
    ControlError,
    Cut,
    Ended,
    Ready,
    Restart,
    Unframer,
    frame,
)
from bench.links.report import EmulatorReport
from transport.impair import PathProfile

PATIENCE_S = 20.0
"""For an answer on a loaded machine; the answer itself takes milliseconds."""
PROJECT = Path(__file__).parent.parent.parent


class EmulatorError(RuntimeError):
    """The network could not be emulated; the message says why and what to do."""


class Emulator:
    """One emulator process; its end of standard input is its life."""

    def __init__(
        self, module: str, arguments: Sequence[str], begin: Begin, descriptors: Sequence[int] = ()
    ) -> None:
        self.report: EmulatorReport | None = None
        """After `stop`."""
        self._unframer = Unframer()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=tuple(descriptors),
            cwd=PROJECT,
        )
        self.ready: Ready = self._wait_ready(begin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def cut(self, link: int, *, up: bool = True, down: bool = True) -> None:
        """Pull the cable of a link, one way or both; `up=False, down=False` puts it back."""
        self._tell(Cut(link, up, down))

    def restart(self, links: tuple[PathProfile, ...] = ()) -> int:
        """Begin the profiles anew, or other ones; return their time 0 (CLOCK_MONOTONIC, ns)."""
        self.ready = self._wait_ready(Restart(links))
        return self.ready.origin_ns

    def stop(self) -> EmulatorReport | None:
        """End the emulator; return its report, None if it had died."""
        if self._process.poll() is None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                answer = self._answer()
                self.report = answer.report if isinstance(answer, Ended) else None
                self._process.wait(PATIENCE_S)
            except (EmulatorError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait()
        self._close_pipes()
        return self.report

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # unsent bytes to a dead process
                    pipe.close()

    def _wait_ready(self, command: Command) -> Ready:
        try:
            self._tell(command)
            answer = self._answer()
        except BaseException:
            self._process.kill()
            self._process.wait()
            self._close_pipes()
            raise
        if not isinstance(answer, Ready):
            raise EmulatorError(f"the emulator said {type(answer).__name__} instead of Ready")
        return answer

    def _tell(self, command: Command) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frame(command))
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise EmulatorError("the emulator has ended; its last words are above") from error

    def _answer(self) -> Answer:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while select.select([descriptor], [], [], PATIENCE_S)[0]:
            data = os.read(descriptor, 65536)
            if not data:
                raise EmulatorError("the emulator has ended; its last words are above")
            try:
                answers = self._unframer.answers(data)
            except ControlError as error:
                raise EmulatorError(f"the emulator is not understood: {error}") from error
            if answers:
                return answers[0]
        raise EmulatorError(f"no answer from the emulator within {PATIENCE_S:g} s")
