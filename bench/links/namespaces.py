"""Two network namespaces that see each other only through emulated links (needs root).

The robot's side is 10.77.k.1 and the console's side 10.77.k.2 on link k; each link is an interface
`link<k>` of its own, so programs with several links choose by address.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path

from bench.links.emulator import EmulatorError

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_INTERFACE_REQUEST = struct.Struct("16sH22x")
"""`struct ifreq`: name and flags (linux/if.h)."""
_TUN_DEVICE = Path("/dev/net/tun")
_NAME = re.compile(r"^teleop-(\d+)-\d+-(?:robot|console)$")
_numbers = count()


class Side(StrEnum):
    """The two ends."""

    ROBOT = "robot"
    CONSOLE = "console"


def address(side: Side, link: int) -> str:
    """IPv4 address of one end of a link."""
    return f"10.77.{link}.{1 if side is Side.ROBOT else 2}"


def why_not() -> str:
    """What is missing for namespaces; empty: nothing."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not _TUN_DEVICE.exists():
        return f"{_TUN_DEVICE} is missing: load the tun module or pass the device in"
    if shutil.which("ip") is None:
        return "`ip` is missing: apt-get install iproute2"
    return ""


def sweep() -> list[str]:
    """Delete namespaces whose makers have died; return their names."""
    found = [line.split()[0] for line in _ip("netns", "list").splitlines() if line.split()]
    dead = []
    for name in found:
        match = _NAME.match(name)
        if match and not Path(f"/proc/{match[1]}").exists():
            _ip("netns", "delete", name)
            dead.append(name)
    return dead


@dataclass(frozen=True, slots=True)
class Ends:
    """The TUN descriptors of one link."""

    robot: int
    console: int


class Namespaces:
    """Makes both sides with `links` links; `close` takes everything away."""

    def __init__(self, links: int) -> None:
        lack = why_not()
        if lack:
            raise EmulatorError(lack)
        sweep()
        number = next(_numbers)
        self._names = {side: f"teleop-{os.getpid()}-{number}-{side}" for side in Side}
        self.ends: list[Ends] = []
        try:
            for side in Side:
                self._make(side)
            for link in range(links):
                robot, console = (self._tun(side, link, number) for side in Side)
                self.ends.append(Ends(robot, console))
        except BaseException:
            self.close()
            raise

    def prefix(self, side: Side) -> list[str]:
        """What to put before a command so that it runs on that side."""
        return ["ip", "netns", "exec", self._names[side]]

    def close(self) -> None:
        """Close the devices and delete the namespaces."""
        for ends in self.ends:
            os.close(ends.robot)
            os.close(ends.console)
        self.ends.clear()
        existing = _ip("netns", "list").split()
        for name in self._names.values():
            if name in existing:
                _ip("netns", "delete", name)

    def _make(self, side: Side) -> None:
        name = self._names[side]
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")

    def _tun(self, side: Side, link: int, number: int) -> int:
        """A TUN device, moved to its side, with its address."""
        made = f"tl{os.getpid()}{number}{link}{side[0]}"[-15:]
        descriptor = os.open(_TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
        try:
            request = _INTERFACE_REQUEST.pack(made.encode("ascii"), _IFF_TUN | _IFF_NO_PI)
            fcntl.ioctl(descriptor, _TUNSETIFF, request)
            name, device = self._names[side], f"link{link}"
            _ip("link", "set", made, "netns", name, "name", device)
            _ip("-n", name, "address", "add", f"{address(side, link)}/24", "dev", device)
            _ip("-n", name, "link", "set", device, "mtu", "1500", "txqueuelen", "1000", "up")
        except (OSError, EmulatorError) as error:
            os.close(descriptor)
            raise EmulatorError(f"no TUN device for link {link}: {error}") from error
        return descriptor


def _ip(*arguments: str) -> str:
    done = _run(["ip", *arguments])
    if done.returncode != 0:
        raise EmulatorError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
