"""What `teleop console` prints: a status line and a table, or JSON lines for programs."""

from __future__ import annotations

import json
import sys

from rich.console import Console

from teleop.cli.tables import result_table
from teleop.cli.text import Texts

JSON_EVERY = 4
"""Status lines come four times a second; programs get one."""


class HandleTerminal:
    """For a person."""

    def __init__(self, words: Texts) -> None:
        self._words = words
        self._live = sys.stdout.isatty()

    def status(self, text: str, status: dict[str, object]) -> None:
        """One line, in place where that is possible."""
        sys.stdout.write(f"\r\x1b[K{text}" if self._live else f"{text}\n")
        sys.stdout.flush()

    def notice(self, text: str) -> None:
        """A line that stays."""
        sys.stdout.write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")
        sys.stdout.flush()

    def result(self, result: dict[str, object]) -> None:
        """What was felt."""
        console = Console(highlight=False, markup=False, emoji=False)
        console.print()
        console.print(result_table(result))
        if result.get("criteria"):
            good = result.get("success") is True
            console.print(self._words("handle.success" if good else "handle.failure"),
                          style="bold green" if good else "bold red")  # fmt: skip


class HandleJson:
    """One JSON object per line: notice, status (1 Hz), result."""

    def __init__(self) -> None:
        self._turn = -1

    def status(self, text: str, status: dict[str, object]) -> None:
        """The figures of the status line."""
        self._turn += 1
        if self._turn % JSON_EVERY == 0:
            self._print("status", status)

    def notice(self, text: str) -> None:
        """A sentence for people."""
        self._print("notice", {"text": text})

    def result(self, result: dict[str, object]) -> None:
        """What was felt."""
        self._print("result", result)

    def _print(self, event: str, content: dict[str, object]) -> None:
        print(json.dumps({"event": event, **content}, ensure_ascii=False), flush=True)
