"""A bar for work on a file that takes longer than two seconds; nothing without a terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from transport.local.clock import now_ns

SILENT_NS = 2_000_000_000
EVERY_NS = 200_000_000


class FileBar:
    """Call it with the bytes read so far."""

    def __init__(self, label: str, total_bytes: int) -> None:
        self._label, self._total = label, total_bytes
        self._start_ns = self._shown_ns = now_ns()
        self._bar: Progress | None = None

    def __call__(self, bytes_read: int) -> None:
        """Show how far the work is."""
        now = now_ns()
        if now - self._shown_ns < EVERY_NS or not sys.stderr.isatty():
            return
        self._shown_ns = now
        if self._bar is None:
            if now - self._start_ns < SILENT_NS:
                return
            self._open()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=bytes_read)

    def _open(self) -> None:
        from rich.console import Console

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._bar.add_task(self._label, total=self._total)
        self._bar.start()

    def __enter__(self) -> FileBar:
        """Nothing is shown yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
