"""The epoch on disk: durable before it is used, never reused, and the loop never waits for it.

The high 32 bits count the starts of guard at this site. The low 32 bits are stored in blocks ahead
of use by a helper thread, so that a new epoch is normally durable already when it is wanted.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from teleop.guard.errors import StoreError

FILE = "epoch.json"
BLOCK = 64
"""Epochs stored ahead; a session uses a few per re-arming."""


def _write(path: Path, boot: int, low: int) -> None:
    """Replace the file, whole or not at all, and wait until the disk has it."""
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, json.dumps({"boot": boot, "low": low}).encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class EpochStore:
    """Opening it counts a start; `want` asks for more; `durable` is what is safe to use."""

    def __init__(self, folder: Path, at_least_boot: int = 0) -> None:
        self._path = folder / FILE
        self.error = ""
        """Text of the last failed write; the core notices by itself that nothing is confirmed."""
        self._boot = max(self._last_boot() + 1, at_least_boot)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self._path, self._boot, 0)
        except OSError as error:
            raise StoreError(f"{self._path}: {error}. Guard needs a writable folder.") from error
        self.durable = self._boot << 32
        self._wanted = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="epoch-store", daemon=True)
        self._thread.start()

    def _last_boot(self) -> int:
        if not self._path.exists():
            return 0
        try:
            boot = json.loads(self._path.read_bytes())["boot"]
            if not isinstance(boot, int) or not 0 <= boot < (1 << 32) - 1:
                raise ValueError(f"boot counter {boot!r}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{self._path} is damaged ({error}). Restore it, or move the folder away: "
                "epochs then start anew, and consoles of old sessions have to join again."
            ) from error
        return int(boot)

    def want(self, epoch: int) -> None:
        """Ask that `epoch` (and a block after it) becomes durable. Returns at once."""
        low = epoch & 0xFFFFFFFF
        stored = self.durable & 0xFFFFFFFF
        if low and low + BLOCK // 2 > stored and self._wanted < low + BLOCK:
            self._wanted = low + BLOCK
            self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closing:
                return
            wanted = self._wanted
            try:
                _write(self._path, self._boot, wanted)
            except OSError as error:
                self.error = str(error)
                self._wanted = 0  # the next `want` tries again
                continue
            self.durable = self._boot << 32 | wanted

    def close(self) -> None:
        """Stop the helper thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=1.0)
