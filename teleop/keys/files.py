"""Files of the keys process: the site's identity, enrolled devices, the invitations' pins."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from teleop.keys.errors import SetupError
from transport.identity import DeviceKey, decode, encode
from transport.keyagreement import PIN_BYTES

IDENTITY_FILE = "identity.key"
"""In the site's state folder: the site's Ed25519 private key (32 bytes), mode 0600."""
ENROLLED_FILE = "enrolled.json"
"""In the site's state folder: devices that may come without an invitation's pin."""
PINS_FILE = "pins.json"
"""In the run folder: pins of the invitations, for keys and for consoles of this machine."""
SITE_KEY_FILE = "site.pub"
"""In the run folder: the site's public key, for consoles of this machine."""
MAX_FILE = 1 << 20


ROLES = ("console", "bedside")


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One enrolled device."""

    name: str
    role: str
    device_key: str


def device_file() -> Path:
    """Where this user's console keeps its device key, after the XDG convention."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "teleop" / "device.key"


def load_identity(path: Path) -> DeviceKey:
    """The Ed25519 key in `path`, made on first use. SetupError: it cannot be used."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            key = DeviceKey()
            write_private(path, key.secret_bytes)
            return key
        if path.stat().st_mode & 0o077:
            raise SetupError(f"{path}: others may read it; chmod 600 {path}")
        return DeviceKey(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SetupError(
            f"{path}: {error}. Restore it, or move it away: a new identity is made then, and "
            "consoles that know the old one have to be told."
        ) from error


def read_site_key(run_dir: Path) -> bytes:
    """The site's public Ed25519 key; empty: it has none."""
    path = run_dir / SITE_KEY_FILE
    return path.read_bytes()[:32] if path.exists() else b""


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` at once, mode 0600, durably."""
    partial = path.with_name(path.name + ".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_devices(state: Path) -> tuple[Device, ...]:
    """The enrolled devices of a site. SetupError: the file is damaged."""
    path = state / ENROLLED_FILE
    try:
        return msgspec.json.decode(path.read_bytes()[:MAX_FILE], type=tuple[Device, ...])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise SetupError(f"{path}: {error}") from error


def enrol(state: Path, device: Device) -> None:
    """Add a device, or change its name and role."""
    others = [d for d in read_devices(state) if d.device_key != device.device_key]
    write_private(state / ENROLLED_FILE, msgspec.json.encode([*others, device]))


def copy_devices(state: Path, run_dir: Path) -> None:
    """Tell the gateway of a run which devices are enrolled. SetupError: the file is damaged."""
    write_private(run_dir / ENROLLED_FILE, msgspec.json.encode(read_devices(state)))


def read_pins(run_dir: Path) -> list[bytes]:
    """Pins of all invitations of this run; what is damaged lets nobody in."""
    try:
        raw = (run_dir / PINS_FILE).read_bytes()[:MAX_FILE]
        texts = msgspec.json.decode(raw, type=list[str])
    except (OSError, ValueError):
        return []  # no invitation yet, or a file that is not ours: no pin is known
    pins = [decode(text) for text in texts]
    return [pin for pin in pins if pin is not None and len(pin) == PIN_BYTES]


def add_pin(run_dir: Path) -> str:
    """Make a pin for an invitation."""
    pin = os.urandom(PIN_BYTES)
    texts = [encode(known) for known in read_pins(run_dir)]
    write_private(run_dir / PINS_FILE, msgspec.json.encode([*texts, encode(pin)]))
    return encode(pin)
