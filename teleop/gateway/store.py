"""Sessions on disk: survives a restart of the gateway, ends with the run folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from transport.schema import Role
from transport.sessions import Snapshot, StoreError, parse_codes

SESSIONS_FILE = "sessions.json"
JOIN_FILE = "join.json"
"""Written by the supervisor: role -> one-time code, or a list of them. Read anew for each code, so
that further codes may be added while the run goes on."""
MAX_FILE_BYTES = 1 << 20


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` at once (never half written), mode 0600."""
    partial = path.with_name(path.name + ".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    partial.replace(path)


class SessionStore:
    """The stored sessions and join codes of one run folder."""

    def __init__(self, run_dir: Path) -> None:
        self._sessions = run_dir / SESSIONS_FILE
        self._codes = run_dir / JOIN_FILE

    def load(self) -> Snapshot:
        """Sessions of an earlier life of the gateway in this run; StoreError: damaged."""
        try:
            raw = self._sessions.read_bytes()
        except FileNotFoundError:
            return Snapshot()
        except OSError as error:
            raise StoreError(f"{self._sessions}: {error}") from error
        try:
            return msgspec.json.decode(raw, type=Snapshot)
        except msgspec.MsgspecError as error:
            raise StoreError(f"{self._sessions}: {error}") from error

    def save(self, snapshot: Snapshot) -> None:
        """Write the sessions; StoreError: not written, so nobody may be let in on them."""
        try:
            write_private(self._sessions, msgspec.json.encode(snapshot))
        except OSError as error:
            raise StoreError(f"{self._sessions}: {error}") from error

    def codes(self) -> dict[str, Role]:
        """Join codes that exist now; StoreError: the file is damaged."""
        try:
            with self._codes.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self._codes}: {error}") from error
        return parse_codes(raw)
