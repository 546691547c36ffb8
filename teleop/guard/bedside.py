"""The bedside input that does not run through the gateway: a key, a device, or a local socket.

Every kind offers `present` (open and readable) and `poll`. Nothing here blocks or raises while
running: a lost input is `present` False, which the core turns into HOLD.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Protocol

from safety.states import EventKind
from teleop.guard.errors import InputError
from teleop.guard.keys import KeyStream, Press
from teleop.guard.terminal import Terminal

RETRY_NS = 1_000_000_000
MOST_BYTES = 256
_INPUT_EVENT = struct.Struct("llHHi")
"""Linux `struct input_event`: seconds, microseconds, type, code, value."""
EV_KEY = 1
EVDEV_FOLDER = Path("/dev/input")


class BedsideInput(Protocol):
    """What guard needs of a bedside input."""

    present: bool

    def poll(self, now_ns: int) -> list[Press]:
        """New presses and releases."""

    def close(self) -> None:
        """Give the device back as it was."""


class TerminalInput:
    """A terminal (or pty); reopened when it comes back, because HOLD needs people anyway."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys = KeyStream()
        self._terminal: Terminal | None = None
        self._retry_ns = 0
        self.present = False
        self._open()

    def _open(self) -> None:
        self._terminal = Terminal.open(self._path)
        self.present = self._terminal is not None

    def poll(self, now_ns: int) -> list[Press]:
        """New presses and releases."""
        if self._terminal is None:
            if now_ns >= self._retry_ns:
                self._retry_ns = now_ns + RETRY_NS
                self._open()
            return []
        data = self._terminal.read(MOST_BYTES)
        if data is None:
            self.close()
            self._retry_ns = now_ns + RETRY_NS
            return []
        return self._keys.feed(data, now_ns) + self._keys.expire(now_ns)

    def close(self) -> None:
        """Give the terminal back as it was."""
        self.present = False
        self._keys.lost()
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None


class SocketInput:
    """Guard listens; one client is the input, the bytes it sends are keys."""

    def __init__(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
        except OSError as error:
            self._listener.close()
            raise InputError(f"{path}: cannot listen there ({error})") from error
        path.chmod(0o600)
        self._listener.listen(1)
        self._listener.setblocking(False)
        self._client: socket.socket | None = None
        self._keys = KeyStream()
        self.present = False

    def poll(self, now_ns: int) -> list[Press]:
        """New presses and releases."""
        if self._client is None:
            with contextlib.suppress(BlockingIOError):
                self._client, _ = self._listener.accept()
                self._client.setblocking(False)
                self.present = True
            return []
        data = self._read(self._client)
        if data is None:
            self._drop()
            return []
        return self._keys.feed(data, now_ns) + self._keys.expire(now_ns)

    def _read(self, client: socket.socket) -> bytes | None:
        try:
            return client.recv(MOST_BYTES) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None  # reset by the client: the same as its end

    def _drop(self) -> None:
        self.present = False
        self._keys.lost()
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self) -> None:
        """Close client and listener."""
        self._drop()
        self._listener.close()


class EvdevInput:
    """A Linux input device (button, pedal): any key of it is the stop, with a real release."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        self._down: set[int] = set()
        self._retry_ns = 0
        self.present = False
        self._open()

    def _open(self) -> None:
        try:
            self._handle = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            self.present = True
        except OSError:
            self.present = False  # not there (yet): tried again, arming is refused meanwhile

    def poll(self, now_ns: int) -> list[Press]:
        """New presses and releases."""
        if not self.present:
            if now_ns >= self._retry_ns:
                self._retry_ns = now_ns + RETRY_NS
                self._open()
            return []
        try:
            data = os.read(self._handle, _INPUT_EVENT.size * 16)
        except BlockingIOError:
            return []
        except OSError:
            data = b""  # unplugged
        if not data:
            self.close()
            self._retry_ns = now_ns + RETRY_NS
            return []
        return self._presses(data)

    def _presses(self, data: bytes) -> list[Press]:
        out: list[Press] = []
        whole = len(data) - len(data) % _INPUT_EVENT.size
        for _, _, kind, code, value in _INPUT_EVENT.iter_unpack(data[:whole]):
            if kind != EV_KEY:
                continue
            was_down = bool(self._down)
            if value:
                self._down.add(code)
            else:
                self._down.discard(code)
            if bool(self._down) != was_down:
                out.append((EventKind.STOP, int(not was_down)))
        return out

    def close(self) -> None:
        """Close the device."""
        self.present = False
        self._down.clear()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def open_input(choice: str) -> BedsideInput:
    """`key`: the controlling terminal; else a path: terminal, input device, or local socket."""
    if choice in ("", "key"):
        return TerminalInput(None)
    path = Path(choice)
    if EVDEV_FOLDER in path.parents:
        return EvdevInput(path)
    if path.exists() and stat.S_ISCHR(path.stat().st_mode):
        return TerminalInput(path)
    if path.exists() and not path.is_socket():
        raise InputError(f"{path}: neither a terminal, nor an input device, nor a socket")
    return SocketInput(path)
