"""The log of a site on disk: one writer at a time, append-only, complete lines only.

A disk that fails costs nobody else anything: lines wait in memory and are written when it works
again, in the same order, so that every head still covers what it says.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from teleop.audit.errors import BookError, ForeignLogError, InUseError
from teleop.audit.lines import Entry, Kind
from teleop.audit.log import Log
from teleop.audit.read import StoredLog, parse
from teleop.keys.errors import SetupError
from teleop.keys.files import load_identity
from transport.identity import DeviceKey
from transport.local.clock import now_ns, utc_seconds

LOG_FILE = "audit.log"
KEY_FILE = "audit.key"
"""Ed25519 private key that signs heads; apart from the site's identity, so that neither process
can speak for the other."""
MOST_WAITING = 100_000
"""Lines that wait for a disk; more would be half a day of a busy session."""


def site_key(state: Path) -> DeviceKey:
    """The key that signs a site's heads, made on first use. BookError: it cannot be used."""
    try:
        return load_identity(state / KEY_FILE)
    except SetupError as error:
        raise BookError(str(error)) from error


def utc_ms() -> int:
    """Wall-clock time for people who read the log; nothing is decided by it."""
    return round(utc_seconds() * 1000)


class Book:
    """A log with its file. Use it as a context manager, or call `close`."""

    def __init__(self, folder: Path, what: str) -> None:
        """`what` begins the log's name. BookError: in use, damaged, or of something else."""
        self.path = folder / LOG_FILE
        self.error = ""
        """What the disk says; empty: everything is stored."""
        self._waiting: list[bytes] = []
        self.stored: list[Entry] = []
        """What was in the file when it was opened."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BookError(f"{self.path}: {error.strerror or error}") from error
        try:
            self.log = self._open(site_key(folder), what)
        except BaseException:
            os.close(self._file)
            raise

    def _open(self, key: DeviceKey, what: str) -> Log:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"{self.path}: a session of this site is writing it. Try again after it."
            ) from None
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        self._bytes = whole
        if whole != len(data):  # a line that was cut while it was written: no entry yet
            os.ftruncate(self._file, whole)
        if not whole:
            log = Log(_origin(what, key), key)
            log.begin()
            return log
        stored = _checked(self.path, data[:whole], what, key)
        log = Log(stored.header.origin, key)
        log.restore([raw for _, raw in stored.entries], stored.heads)
        self.stored = [entry for entry, _ in stored.entries]
        return log

    def add(
        self,
        kind: Kind,
        session: int = 0,
        name: str = "",
        value: int = 0,
        detail: str = "",
        at_ns: int = 0,
    ) -> None:
        """Append an entry of now, or of something that was seen to happen at `at_ns`."""
        self.log.add(
            kind, utc_ms(), at_ns or now_ns(), session=session, name=name, value=value,
            detail=detail,
        )  # fmt: skip

    def store(self) -> bool:
        """Sign what is new and bring it to the disk; False: the disk refuses, it is kept."""
        self.collect()
        return self.flush()

    def collect(self) -> None:
        """Sign what is new and put it in the queue for the disk."""
        self.log.sign(utc_ms())
        self._waiting += self.log.take_lines()
        if len(self._waiting) > MOST_WAITING:
            raise BookError(f"{self.path}: {self.error}; too much waits for the disk.")

    def flush(self) -> bool:
        """Write the queue (in any one thread); False: the disk refuses, everything is kept."""
        count = len(self._waiting)
        data = b"".join(line + b"\n" for line in self._waiting[:count])
        if not data:
            return True
        try:
            os.ftruncate(self._file, self._bytes)  # what a failed try has left
            written = os.pwrite(self._file, data, self._bytes)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written")
            os.fsync(self._file)
        except OSError as error:
            self.error = error.strerror or str(error)
            return False
        self._bytes += len(data)
        del self._waiting[:count]
        self.error = ""
        return True

    def close(self) -> None:
        """Store what is left and let others write."""
        self.store()
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _origin(what: str, key: DeviceKey) -> str:
    """Name of a new log: no two sites share one, whatever they are called."""
    return f"{what[:48]}-{hashlib.sha256(key.public_bytes).hexdigest()[:12]}"


def _checked(path: Path, data: bytes, what: str, key: DeviceKey) -> StoredLog:
    """The stored log, when nothing about it is wrong. BookError: it must not be continued."""
    try:
        stored = parse(data, every_head=False)
    except ForeignLogError as error:
        raise BookError(f"{path}: {error}. Move it away; a new log is begun then.") from error
    faults = stored.faults()
    if faults:
        raise BookError(
            f"{path}: {faults[0]}. Keep it as evidence under another name; a new log is begun then."
        )
    ours = stored.header.origin == what or stored.header.origin.startswith(f"{what[:48]}-")
    if not ours or stored.header.key != key.public:
        raise BookError(
            f"{path}: it belongs to {stored.header.origin} or to another key. Move it away, or "
            f"restore {KEY_FILE}."
        )
    return stored
