"""`teleop export csv`: one table per topic, names with units in the first line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, TextIO

from teleop.record.decode import Decoder, JsonDecoder
from teleop.record.errors import DiskError
from teleop.record.reader import Message, Progress, Recording


class _Table:
    """One CSV file."""

    def __init__(self, path: Path, decoder: Decoder | JsonDecoder) -> None:
        self.path, self.rows, self.skipped = path, 0, 0
        self._decoder = decoder
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        head = ["time [ns]", "sequence"]
        if isinstance(decoder, Decoder):
            head += [f"{c.name} [{c.unit}]" if c.unit else c.name for c in decoder.columns]
        else:
            head.append("json")
        self._writer.writerow(head)

    def add(self, message: Message) -> None:
        row: list[Any] = [message.stamp_ns, message.sequence]
        try:
            if isinstance(self._decoder, Decoder):
                values = self._decoder.values(message.data)
                row += [
                    _cell(v, c.names) for v, c in zip(values, self._decoder.columns, strict=True)
                ]
            else:
                row.append(json.dumps(self._decoder.value(message.data), ensure_ascii=False))
        except ValueError:  # one damaged message: counted and reported, the rest is exported
            self.skipped += 1
            return
        self._writer.writerow(row)
        self.rows += 1

    def close(self) -> None:
        self._file.close()


def _cell(value: Any, names: dict[int, str]) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if names and isinstance(value, int):
        return names.get(value, value)
    return value


def export_csv(
    recording: Recording, folder: Path, progress: Progress | None = None
) -> dict[Path, tuple[int, int]]:
    """Write every topic; return file -> (rows, skipped messages)."""
    tables: dict[str, _Table] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for message in recording.messages(progress):
            if message.topic not in tables:
                path = folder / f"{_safe(message.topic)}.csv"
                tables[message.topic] = _Table(path, recording.decoders[message.topic])
            tables[message.topic].add(message)
    except OSError as error:
        raise DiskError(f"{folder}: {error.strerror or error}") from error
    finally:
        for table in tables.values():
            table.close()
    return {t.path: (t.rows, t.skipped) for t in tables.values()}


def _safe(topic: str) -> str:
    """A topic name as a file name (a foreign file may call a topic anything)."""
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in topic)[:80] or "topic"
