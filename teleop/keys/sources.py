"""Key sources: keys that both ends get from elsewhere and mix into every agreement.

`pre-shared`: the same file at both ends. `external`: a key service on a local socket, with the
words of ETSI GS QKD 014 (enc_keys gives a new key with its key_ID, dec_keys the key of a key_ID).
"""

from __future__ import annotations

import binascii
import socket
import uuid
from pathlib import Path
from typing import Protocol

import msgspec

from teleop.config import Security
from teleop.keys.errors import SetupError, SourceError

ID_BYTES = 16
KEY_BYTES = 32
ANSWER_S = 1.0
MAX_ANSWER = 4096
MAX_FILE = 1 << 16


class Source(Protocol):
    """A key source, seen from the robot (`next_key`) and from the console (`key_of`)."""

    def next_key(self) -> tuple[bytes, bytes]:
        """Id (16 bytes) and key (32 bytes). SourceError: none now."""

    def key_of(self, key_id: bytes) -> bytes | None:
        """The key with this id, None when it is unknown."""


class PreShared:
    """Keys of a file: JSON, key id -> key, both in hex (32 and 64 digits). Used in turn."""

    def __init__(self, path: Path) -> None:
        """SetupError: the file cannot be used, with the reason (never with its content)."""
        try:
            if path.stat().st_mode & 0o077:
                raise SetupError(f"{path}: others may read it; chmod 600 {path}")
            table = msgspec.json.decode(path.read_bytes()[:MAX_FILE], type=dict[str, str])
            self._keys = {bytes.fromhex(name): bytes.fromhex(key) for name, key in table.items()}
        except (OSError, ValueError) as error:
            raise SetupError(
                f"{path}: {type(error).__name__}; give JSON of key ids and keys"
            ) from (
                None  # the cause may quote a key
            )
        sizes = {(len(name), len(key)) for name, key in self._keys.items()}
        if sizes != {(ID_BYTES, KEY_BYTES)} or bytes(ID_BYTES) in self._keys:
            raise SetupError(f"{path}: ids have 32 hex digits (not all 0), keys have 64")
        self._order = sorted(self._keys)
        self._next = 0

    def next_key(self) -> tuple[bytes, bytes]:
        """The next key in turn."""
        key_id = self._order[self._next % len(self._order)]
        self._next += 1
        return key_id, self._keys[key_id]

    def key_of(self, key_id: bytes) -> bytes | None:
        """The key with this id."""
        return self._keys.get(key_id)


class _Key(msgspec.Struct, frozen=True):
    key_ID: str  # noqa: N815 (the standard's spelling)
    key: str


class _Answer(msgspec.Struct, frozen=True):
    keys: tuple[_Key, ...]


class External:
    """A key service on a Unix socket: one JSON line in, one out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def next_key(self) -> tuple[bytes, bytes]:
        """A key that nobody has used."""
        return self._ask({"enc_keys": {"number": 1, "size": 8 * KEY_BYTES}})

    def key_of(self, key_id: bytes) -> bytes | None:
        """The key with this id."""
        name = str(uuid.UUID(bytes=key_id))
        try:
            found, key = self._ask({"dec_keys": {"key_IDs": [{"key_ID": name}]}})
        except SourceError:
            return None
        return key if found == key_id else None

    def _ask(self, question: dict[str, object]) -> tuple[bytes, bytes]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as service:
                service.settimeout(ANSWER_S)
                service.connect(str(self._path))
                service.sendall(msgspec.json.encode(question) + b"\n")
                line = _read_line(service)
            answer = msgspec.json.decode(line, type=_Answer).keys[0]
            key_id = uuid.UUID(answer.key_ID).bytes
            key = binascii.a2b_base64(answer.key)
        except (OSError, ValueError, IndexError) as error:
            raise SourceError(f"{self._path}: {type(error).__name__}") from None
        if len(key) != KEY_BYTES:
            raise SourceError(f"{self._path}: a key of {len(key)} bytes")
        return key_id, key


def _read_line(service: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < MAX_ANSWER:
        part = service.recv(MAX_ANSWER)
        if not part:
            break
        data += part
    return data


def source_at(path: Path) -> Source:
    """A console's source: a file of keys, or the socket of a key service. SetupError."""
    return External(path) if path.is_socket() else PreShared(path)


def open_source(security: Security) -> Source | None:
    """The configured source; None: none. SetupError: it cannot be used."""
    if security.key_source == "none":
        return None
    if not security.key_path:
        raise SetupError(f"security.key_source = {security.key_source!r} needs security.key_path")
    path = Path(security.key_path)
    return PreShared(path) if security.key_source == "pre-shared" else External(path)
