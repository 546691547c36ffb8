"""The run folder (channels and facts of one run) and the site folder (what survives a run).

The run folder lives in shared memory where the machine has it, mode 0700, and goes away at the
end. A folder left behind by a supervisor that was killed is recognised by its free lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from teleop import channels
from teleop.config import Config, write_run
from teleop.keys.files import add_pin
from teleop.supervisor.errors import MachineError, UsageError

SHARED_MEMORY = Path("/dev/shm")
PREFIX = "teleop-run-"
LOCK = "supervisor.lock"
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Join codes: no I, O, 0, 1. 32 letters to the power 8 = 40 bits."""
ROLES = ("console", "bedside", "observer")


@dataclass(frozen=True, slots=True)
class RunDir:
    """A locked run folder."""

    path: Path
    lock: int

    def remove(self) -> None:
        """Delete the folder and give up its lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)


def join_code() -> str:
    """A one-time join code, XXXX-XXXX."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def _try_lock(path: Path) -> int | None:
    """Hold `path` exclusively; None when another process does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def lock_is_held(folder: Path) -> bool:
    """True while a supervisor of this user works in this run folder."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False  # gone meanwhile, or not ours
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def parent_folder() -> Path:
    """Shared memory when the machine has it, else the temporary folder."""
    usable = SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK)
    return SHARED_MEMORY if usable else Path(tempfile.gettempdir())


def remove_stale(parent: Path) -> list[Path]:
    """Delete run folders of ours whose supervisor is gone; return them."""
    removed = []
    for folder in parent.glob(f"{PREFIX}*"):
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            continue
        if not (folder / LOCK).exists():
            continue
        handle = _try_lock(folder / LOCK)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)
            removed.append(folder)
    return removed


def create(config: Config, boot: int, simulated: bool) -> RunDir:
    """Make the run folder with every channel and fact that the processes read."""
    parent = parent_folder()
    remove_stale(parent)
    try:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # mode 0700
        lock = _try_lock(path / LOCK)
        assert lock is not None, "the folder is new and private"
        channels.create_all(path)
        write_run(path, config)
    except OSError as error:
        raise MachineError(f"{parent}: no run folder ({error}). Free some space there.") from error
    site = {"simulated": simulated, "site": config.site, "boot": boot}
    write_private(path / "site.json", site)
    write_private(path / "join.json", {role: join_code() for role in ROLES})
    add_pin(path)
    (path / "logs").mkdir(mode=0o700)
    return RunDir(path, lock)


def write_private(path: Path, content: object) -> None:
    """Write JSON with mode 0600, whole or not at all."""
    part = path.with_suffix(".part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_json(path: Path) -> dict[str, object] | None:
    """A JSON object in the run folder; None when it is not there (or not one)."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class SiteState:
    """The locked site folder; `boot` counts the runs of this site."""

    path: Path
    boot: int
    lock: int

    def release(self) -> None:
        """Let another run use this site."""
        os.close(self.lock)


def default_state_folder(site: str) -> Path:
    """Where a site keeps what survives a run (epochs), after the XDG convention."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "teleop" / site


def open_site(path: Path) -> SiteState:
    """Lock the site folder and count this run, durably. One run per site at a time."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _try_lock(path / LOCK)
    except OSError as error:
        raise MachineError(f"{path}: cannot keep the site's state ({error}).") from error
    if lock is None:
        raise UsageError(
            f"{path} is in use: another session of this site is running. "
            "Stop it first, or give this one its own folder with --out."
        )
    file = path / "boots.json"
    try:
        boot = int(json.loads(file.read_text("utf-8"))["boots"]) + 1 if file.exists() else 1
    except (ValueError, KeyError, TypeError) as error:
        os.close(lock)
        raise UsageError(
            f"{file} is damaged ({error}). Move the folder away; epochs start anew."
        ) from error
    write_private(file, {"boots": boot})
    return SiteState(path, boot, lock)
