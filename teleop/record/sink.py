"""The writing side: a bounded queue and a thread, so that a slow disk only costs records.

Whatever the disk does, `offer` returns at once. What does not fit is dropped and counted per
topic; the counts go into the file (notes and closing metadata) and into `status()`.
"""

from __future__ import annotations

import json
import queue
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teleop.record.errors import DiskError
from teleop.record.sources import Item
from teleop.record.topics import TOPICS
from transport.local.clock import now_ns

QUEUE_ITEMS = 16384
"""8 s at 2,000 messages per second; 30 MB at most."""
FLUSH_NS = 1_000_000_000
SYNC_NS = 5_000_000_000
RETRY_NS = 5_000_000_000
NOTE_TOPIC = next(i for i, t in enumerate(TOPICS) if t.name == "note")


class OpenFile(Protocol):
    """What the sink needs of a file (tests put a full or slow disk here)."""

    path: Path
    part: Path

    @property
    def size(self) -> int:
        """Bytes written."""

    def add(self, topic: int, stamp_ns: int, sequence: int, data: bytes) -> None:
        """Append a message."""

    def flush(self, sync: bool = False) -> None:
        """Hand over to the disk."""

    def finish(self, end: dict[str, str]) -> Path:
        """Complete the file."""

    def abandon(self) -> None:
        """Give the file up."""


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """What is shown while recording (`record.json`)."""

    file: str
    drops: int
    bytes: int
    disk_free_mb: int
    error: str


class Sink:
    """Owns the writer thread and the present file."""

    def __init__(
        self,
        folder: Path,
        open_file: Callable[[], OpenFile],
        min_free_mb: int,
        queue_items: int = QUEUE_ITEMS,
    ) -> None:
        self._folder, self._open_file, self._min_free_mb = folder, open_file, min_free_mb
        self._queue: queue.Queue[Item | None] = queue.Queue(queue_items)
        self.drops: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self._file: OpenFile | None = None
        self._name, self._error, self._free_mb = "", "", 0
        self._closed_bytes = self._open_bytes = 0
        self._noted = 0
        self._check_ns = self._flush_ns = self._sync_ns = self._retry_ns = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def start(self) -> None:
        """Open the first file and start writing."""
        self._look_at_disk(now_ns())
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Hand over one message; never waits."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._drop(item)

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and complete the file; False: the disk was too slow for that."""
        try:
            self._queue.put(None, timeout=timeout_s)
        except queue.Full:
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def status(self) -> SinkStatus:
        """The present figures."""
        with self._lock:
            drops = self.drops.total() + self.lost.total()
        size = self._closed_bytes + self._open_bytes
        return SinkStatus(self._name, drops, size, self._free_mb, self._error)

    def set_lost(self, lost: dict[str, int]) -> None:
        """How many messages per topic were overwritten before they could be read."""
        with self._lock:
            self.lost = Counter(lost)

    def counts(self) -> dict[str, int]:
        """Messages missing in the file, per topic."""
        with self._lock:
            return dict(self.drops + self.lost)

    def _drop(self, item: Item) -> None:
        with self._lock:
            self.drops[TOPICS[item.topic].name] += 1

    def _work(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=0.2)
            except queue.Empty:
                self._housekeeping(now_ns())
                continue
            if item is None:
                break
            self._write(item)
            self._housekeeping(now_ns())
        self._finish("end of session")

    def _write(self, item: Item) -> None:
        if self._file is None:
            self._drop(item)
            return
        try:
            self._file.add(item.topic, item.stamp_ns, item.sequence, item.data)
        except OSError as error:
            self._drop(item)
            self._fail(error)

    def _housekeeping(self, now: int) -> None:
        """Each second: look at the disk, note new drops, flush; every 5 s: sync."""
        if now - self._flush_ns < FLUSH_NS:
            return
        self._flush_ns = now
        self._look_at_disk(now)
        if self._file is None:
            return
        try:
            self._note_drops(now)
            sync = now - self._sync_ns >= SYNC_NS
            self._file.flush(sync=sync)
            if sync:
                self._sync_ns = now
            self._open_bytes = self._file.size
        except OSError as error:
            self._fail(error)

    def _note_drops(self, now: int) -> None:
        counts = self.counts()
        total = sum(counts.values())
        if total == self._noted or self._file is None:
            return
        self._noted = total
        note = {"from": "record", "kind": "drops", "total": total, "topics": counts}
        self._file.add(NOTE_TOPIC, now, 0, json.dumps(note).encode())

    def _look_at_disk(self, now: int) -> None:
        """Stop below the limit, start (again) above it."""
        try:
            self._free_mb = shutil.disk_usage(self._folder).free >> 20
        except OSError as error:
            self._fail(error)
            return
        if self._file is not None and self._free_mb < self._min_free_mb:
            self._finish("disk nearly full")
            self._error = (
                f"disk nearly full: {self._free_mb} MB free, record.min_free_mb is "
                f"{self._min_free_mb}; recording stopped. Free some space."
            )
        elif self._file is None and self._free_mb >= self._min_free_mb and now >= self._retry_ns:
            self._open()

    def _open(self) -> None:
        try:
            self._file = self._open_file()
        except (OSError, DiskError) as error:
            self._fail(error)
            return
        self._name, self._error = str(self._file.part), ""

    def _finish(self, why: str) -> None:
        if self._file is None:
            return
        end = {"why": why, "missing": json.dumps(self.counts())}
        try:
            self._name = str(self._file.finish(end))
            self._closed_bytes += self._file.path.stat().st_size
            self._open_bytes = 0
        except OSError as error:
            self._fail(error)
        self._file = None

    def _fail(self, error: Exception) -> None:
        """The disk failed: say so, give the file up, try a new one later."""
        self._error = f"{self._folder}: {error}"
        self._retry_ns = now_ns() + RETRY_NS
        if self._file is not None:
            self._file.abandon()
            self._file = None
