"""What the person at a native console must be told, each thing once until it changes (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A key of the text table and its values."""

    key: str
    values: tuple[tuple[str, str], ...] = ()


class Notices:
    """Waiting notices; a topic that says the same again says nothing."""

    def __init__(self) -> None:
        self._last: dict[str, Notice] = {}
        self._waiting: list[Notice] = []

    def say(self, topic: str, key: str, **values: str) -> None:
        """Tell `key` unless it was the last thing that was told about `topic`."""
        notice = Notice(key, tuple(sorted(values.items())))
        if self._last.get(topic) != notice:
            self._last[topic] = notice
            self._waiting.append(notice)

    def told(self, topic: str) -> bool:
        """True while something stands about `topic`."""
        return topic in self._last

    def over(self, topic: str, key: str = "") -> None:
        """The trouble of `topic` is over; tell `key` if it had been told of."""
        if self._last.pop(topic, None) is not None and key:
            self._waiting.append(Notice(key))

    def take(self) -> list[Notice]:
        """What is to be told now."""
        waiting, self._waiting = self._waiting, []
        return waiting
