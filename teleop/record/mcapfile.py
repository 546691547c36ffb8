"""One MCAP file being written: FILE.mcap.part until it is complete, then FILE.mcap."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from mcap.writer import CompressionType, Writer

from teleop.record.errors import DiskError
from teleop.record.topics import TOPICS

CHUNK_BYTES = 1 << 20
"""Half a second at 500 Hz: what a crash can cost at most (the rest is on disk, readable)."""
PROFILE = "teleop"
MOST_NAMES = 100


def free_name(folder: Path, stem: str) -> Path:
    """A name that neither a finished nor an unfinished recording has."""
    for i in range(1, MOST_NAMES):
        path = folder / (f"{stem}.mcap" if i == 1 else f"{stem}_{i}.mcap")
        if not path.exists() and not path.with_name(path.name + ".part").exists():
            return path
    raise DiskError(f"{folder}: {MOST_NAMES} recordings named {stem}. Choose another folder.")


class McapFile:
    """Writes messages of the topic table. OSError of any call: the disk; abandon the file."""

    def __init__(self, path: Path, library: str, metadata: dict[str, dict[str, str]]) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self._stream = self.part.open("xb")
        self._writer = Writer(
            self._stream, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD
        )
        self._writer.start(profile=PROFILE, library=library)
        schemas: dict[str, int] = {}
        self._ids: list[int] = []
        for topic in TOPICS:
            if topic.schema not in schemas:
                schemas[topic.schema] = self._writer.register_schema(
                    topic.schema, topic.encoding, topic.schema_data()
                )
            self._ids.append(
                self._writer.register_channel(
                    topic.name,
                    topic.encoding,
                    schemas[topic.schema],
                    {"process": topic.process} if topic.process else {},
                )
            )
        for name, content in metadata.items():
            self._writer.add_metadata(name, content)
        self.flush()

    @property
    def size(self) -> int:
        """Bytes written so far (the open chunk not included)."""
        return self._stream.tell()

    def add(self, topic: int, stamp_ns: int, sequence: int, data: bytes) -> None:
        """Append one message of `TOPICS[topic]`."""
        stamp = max(0, stamp_ns)
        self._writer.add_message(self._ids[topic], stamp, data, stamp, sequence & 0xFFFFFFFF)

    def flush(self, sync: bool = False) -> None:
        """Hand complete chunks to the kernel, and with `sync` to the disk."""
        self._stream.flush()
        if sync:
            os.fsync(self._stream.fileno())

    def finish(self, end: dict[str, str]) -> Path:
        """Write the closing metadata and the index; the file gets its final name."""
        self._writer.add_metadata("end", end)
        self._writer.finish()  # type: ignore[no-untyped-call]
        self.flush()
        self.part.rename(self.path)  # complete already; the disk may take its time below
        self.flush(sync=True)
        self._stream.close()
        return self.path

    def abandon(self) -> None:
        """Give up after an error; what is on disk stays readable as .part."""
        with contextlib.suppress(OSError):  # the same disk error again: it is already reported
            self._stream.close()
