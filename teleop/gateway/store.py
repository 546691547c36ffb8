"""Sessions on disk: survives a restart of the gateway, ends with the run folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from transport.schema import Role
from transport.sessions import (
    Invitation,
    Snapshot,
    StoreError,
    parse_codes,
    parse_invitations,
)

SESSIONS_FILE = "sessions.json"
JOIN_FILE = "join.json"
"""Written by the supervisor: role -> one-time code, or a list of them. Read anew for each code, so
that further codes may be added while the run goes on."""
INVITATIONS_FILE = "invitations.json"
"""Code -> role, end of life, device: says more about codes of `join.json`, and adds others."""
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
        self._invitations = run_dir / INVITATIONS_FILE

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
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._sessions}: {error}") from error

    def save(self, snapshot: Snapshot) -> None:
        """Write the sessions; StoreError: not written, so nobody may be let in on them."""
        try:
            write_private(self._sessions, msgspec.json.encode(snapshot))
        except OSError as error:
            raise StoreError(f"{self._sessions}: {error}") from error

    def codes(self) -> dict[str, Role | Invitation]:
        """Join codes that exist now; StoreError: a file is damaged."""
        codes = self._read(self._codes)
        invitations = self._read(self._invitations)
        known = parse_codes(codes) if codes is not None else {}
        return known | (parse_invitations(invitations) if invitations is not None else {})

    def _read(self, path: Path) -> bytes | None:
        try:
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}: {error}") from error
