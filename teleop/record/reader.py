"""Reads recordings, complete or not: what is damaged is named, everything else is read.

A file that a crash cut off (`.part`) has no index, so it is read from front to back. A chunk whose
checksum is wrong is left out and reported. Only when nothing can be read it is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mcap import records
from mcap.data_stream import ReadDataStream
from mcap.stream_reader import StreamReader, breakup_chunk
from zstandard import get_frame_parameters

from teleop.record.decode import Decoder, JsonDecoder
from teleop.record.errors import ForeignFileError, RecordingError
from teleop.record.mcapfile import PROFILE
from teleop.record.topics import JSON, PACKED

MAGIC = b"\x89MCAP0\r\n"
RECORD_LIMIT_BYTES = 64 << 20
"""Chunks are 1 MB; anything far larger is damage (or an attack), not data."""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Message:
    """One recorded message."""

    topic: str
    stamp_ns: int
    sequence: int
    data: bytes
    channel: int


@dataclass(slots=True)
class Recording:
    """A recording that is being read. Facts fill up while `messages` runs."""

    path: Path
    size_bytes: int
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    topics: dict[int, str] = field(default_factory=dict)
    decoders: dict[str, Decoder | JsonDecoder] = field(default_factory=dict)
    complete: bool = False
    """The file was closed properly."""
    damage: list[str] = field(default_factory=list)
    library: str = ""
    _schemas: dict[int, records.Schema] = field(default_factory=dict)

    def messages(self, progress: Progress | None = None) -> Iterator[Message]:
        """Every readable message in file order. RecordingError: not a recording of ours."""
        self.damage.clear()
        try:
            with self.path.open("rb") as stream:
                yield from self._scan(stream, progress)
        except OSError as error:
            raise RecordingError(f"{self.path}: {error.strerror or error}") from error

    def _scan(self, stream: BinaryIO, progress: Progress | None) -> Iterator[Message]:
        if stream.read(len(MAGIC)) != MAGIC:
            raise ForeignFileError(f"{self.path}: not an MCAP file.")
        reader = iter(StreamReader(stream, skip_magic=True, emit_chunks=True,
                                   record_size_limit=RECORD_LIMIT_BYTES).records)  # fmt: skip
        while True:
            at = stream.tell()
            try:
                record = next(reader)
            except StopIteration:
                self.complete = not self.damage
                return
            except Exception as error:  # the parser of a damaged file may raise anything
                self._report(at, error)
                return
            if progress is not None:
                progress(stream.tell())
            yield from self._take(record, at)

    def _report(self, at: int, error: Exception) -> None:
        rest = self.size_bytes - at
        name = type(error).__name__
        self.damage.append(f"byte {at}: {name} {error}".strip() + f"; last {rest} bytes not read")

    def _take(self, record: records.McapRecord, at: int) -> Iterator[Message]:
        if isinstance(record, records.Chunk):
            yield from self._chunk(record, at)
            return
        try:
            found = self._fact(record)
        except (ValueError, KeyError) as error:
            self.damage.append(f"byte {at}: {type(record).__name__} {error}")
            return
        if found is not None:
            yield found

    def _chunk(self, chunk: records.Chunk, at: int) -> Iterator[Message]:
        """The messages of a chunk; all or (when it is damaged) none."""
        out: list[Message] = []
        try:
            _check_bomb(chunk)
            for record in breakup_chunk(chunk, validate_crc=True):
                found = self._fact(record)
                if found is not None:
                    out.append(found)
        except ForeignFileError:
            raise
        except Exception as error:  # the parser of a damaged chunk may raise anything
            self.damage.append(f"chunk at byte {at}: {type(error).__name__} {error}")
            return
        yield from out

    def _fact(self, record: records.McapRecord) -> Message | None:
        """Remember what describes the file; return a message."""
        if isinstance(record, records.Message):
            name = self.topics[record.channel_id]
            return Message(name, record.log_time, record.sequence, record.data, record.channel_id)
        if isinstance(record, records.Header):
            if record.profile != PROFILE:
                raise ForeignFileError(
                    f"{self.path}: an MCAP file of another program (profile {record.profile!r})."
                )
            self.library = record.library
        elif isinstance(record, records.Schema):
            self._schemas[record.id] = record
        elif isinstance(record, records.Channel):
            self._channel(record)
        elif isinstance(record, records.Metadata):
            self.metadata[record.name] = record.metadata
        return None

    def _channel(self, channel: records.Channel) -> None:
        """Know a topic only with its decoder: messages of a damaged channel are damage, too."""
        if channel.topic not in self.decoders:
            self.decoders[channel.topic] = self._decoder(channel)
        self.topics[channel.id] = channel.topic

    def _decoder(self, channel: records.Channel) -> Decoder | JsonDecoder:
        if channel.message_encoding == JSON:
            return JsonDecoder()
        if channel.message_encoding == PACKED:
            return Decoder(self._schemas[channel.schema_id].data)
        raise ValueError(f"encoding {channel.message_encoding!r} unknown")


def _check_bomb(chunk: records.Chunk) -> None:
    """Refuse a chunk that would unpack to more than any chunk of ours has."""
    size = chunk.uncompressed_size
    if chunk.compression == "zstd":
        size = max(size, get_frame_parameters(chunk.data).content_size)
    if chunk.compression not in ("zstd", ""):
        raise ValueError(f"compression {chunk.compression!r} is not used by recordings")
    if size > RECORD_LIMIT_BYTES:
        raise ValueError(f"{size} bytes unpacked")


def open_recording(path: Path) -> Recording:
    """Open a recording; its header is checked now. RecordingError: it is none."""
    try:
        recording = Recording(path, path.stat().st_size)
        with path.open("rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise ForeignFileError(f"{path}: not an MCAP file.")
            data = ReadDataStream(stream)
            if data.read1() != 1:
                raise ForeignFileError(f"{path}: damaged: it does not begin with a header.")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    except ForeignFileError:
        raise
    except Exception as error:  # the parser of a foreign file may raise anything
        raise ForeignFileError(f"{path}: no header ({error}).") from error
    return recording
