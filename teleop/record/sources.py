"""Readers of every recorded channel; what was overwritten before it was read is counted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from teleop import channels
from teleop.record.private import Private
from teleop.record.topics import TOPICS, Topic
from transport.local.ring import RingReader

BATCH = 512
"""Messages per channel and reading; 20 ms at 1 kHz are 20."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message on its way to the file."""

    topic: int
    """Index in `TOPICS`."""
    stamp_ns: int
    sequence: int
    data: bytes


class Source:
    """One channel."""

    def __init__(self, run_dir: Path, index: int, private: Private) -> None:
        self._private = private
        self.topic: Topic = TOPICS[index]
        self._index = index
        channel = self.topic.channel
        self._ring: RingReader | None = None
        self._seen = 0
        if channel.slots > 2:
            self._ring = channels.ring_reader(run_dir, channel, from_oldest=True)
        else:
            self._box = channels.raw_box(run_dir, channel)

    @property
    def lost(self) -> int:
        """Messages that were overwritten before they were read."""
        return self._ring.lost if self._ring is not None else 0

    def read(self) -> list[Item]:
        """New messages, oldest first."""
        if self._ring is not None:
            return [self._item(seq, data) for seq, data in self._ring.read(BATCH)]
        found = self._box.read()
        if found is None or found[0] == self._seen:
            return []
        self._seen = found[0]
        return [self._item(0, found[1])]  # a sampled value: not every one is meant to be seen

    def _item(self, sequence: int, payload: bytes) -> Item:
        data = payload if self.topic.fields is not None else payload[8:]
        if self.topic.process:
            data = self._private.clean_json(note_json(self.topic.process, data))
        return Item(self._index, self.topic.stamp_ns(payload), sequence, data)


def note_json(process: str, data: bytes) -> bytes:
    """A note with the name of its process; one that is no JSON object is kept as text."""
    try:
        content = json.loads(data)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {"text": data.decode("utf-8", "replace")}
    return json.dumps({"from": process, **content}, ensure_ascii=False).encode()


def open_all(run_dir: Path, private: Private) -> list[Source]:
    """Open every recorded channel; `private` cleans what is text."""
    return [Source(run_dir, i, private) for i in range(len(TOPICS))]
