"""A session as JSON lines, for programs."""

from __future__ import annotations

import json
from typing import Any

from teleop.supervisor.status import Status, as_json
from teleop.supervisor.stop import Stopped
from teleop.supervisor.watch import Ended
from transport.local.clock import now_ns

JSON_EVERY_NS = 1_000_000_000


class JsonView:
    """One JSON object per line: joined, status (1 Hz), ended, result, stopped."""

    def __init__(self) -> None:
        self._printed_ns = 0

    def __enter__(self) -> JsonView:
        """Nothing to prepare."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Nothing to clean up."""

    def _print(self, event: str, **content: Any) -> None:
        print(json.dumps({"event": event, **content}, ensure_ascii=False), flush=True)

    def say(self, key: str, **values: object) -> None:
        """A sentence as its key and values."""
        self._print("message", key=key, values={k: str(v) for k, v in values.items()})

    def joined(self, urls: dict[str, str], facts: dict[str, object]) -> None:
        """The addresses, the run folder and the process numbers."""
        self._print("joined", urls=urls, **facts)

    def status(self, status: Status) -> None:
        """The present state."""
        now = now_ns()
        if now - self._printed_ns >= JSON_EVERY_NS:
            self._printed_ns = now
            self._print("status", **as_json(status))

    def ended(self, event: Ended) -> None:
        """A process that ended by itself."""
        self._print("ended", name=event.name, how=event.how, tail=event.tail,
                    restart_s=event.restart_s)  # fmt: skip

    def stopped(self, stopped: Stopped, recording: dict[str, object] | None) -> None:
        """How the session ended."""
        self._print("stopped", rest=stopped.rest, rest_s=stopped.rest_s, whole_s=stopped.whole_s,
                    killed=list(stopped.killed), left_s=stopped.left_s,
                    recording=recording)  # fmt: skip

    def result(self, result: dict[str, object]) -> None:
        """What a scripted session measured."""
        self._print("result", **result)
