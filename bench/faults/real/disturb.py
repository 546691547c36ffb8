"""What is done to the machine around the processes: load, memory, disk, floods, a key."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.faults.real.rig import Rig
from bench.kit.bench import SkipCase
from bench.kit.model import Figure

PER_CORE = 2
MEMORY_SHARE = 0.5
DISK_BYTES = 300_000_000
"""Above what `teleop demo` asks for (`record.min_free_mb` 200)."""
FLOOD_PER_S = 10_000
FOREIGN = "127.0.0.2"
"""An address that no peer of ours has."""

RATE = "flood-rate"
"""File in which a flooding program says what it sent. It runs at the lowest priority (of its own
session, where Linux groups by sessions): a foreign machine does not use our processors, and what
it could not send is seen."""

_LAST = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.setsid()
try:
    with open("/proc/self/autogroup", "w") as file:
        file.write("19")
except OSError:
    pass  # sessions are no groups of the scheduler here
"""
_HOG = "while True: pass"
_MEMORY = """
import sys, time
held = bytearray(int(sys.argv[1]))
held[::4096] = b"x" * len(held[::4096])
time.sleep(600)
"""
_SYNC = """
import os, sys
block = os.urandom(1 << 20)
while True:
    with open(sys.argv[1], "wb") as file:
        for _ in range(32):
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
"""
_FLOOD = (
    _LAST
    + """
import os, random, signal, socket, sys, time
told, address, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
ports = [int(p) for p in sys.argv[4:]]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((address, 0))
unread = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
unread.bind(("127.0.0.1", 0))
at_us, elsewhere = ports, [unread.getsockname()[1]]

def aim(number, frame):
    global ports
    ports = at_us if number == signal.SIGUSR2 else elsewhere

signal.signal(signal.SIGUSR1, aim)
signal.signal(signal.SIGUSR2, aim)
bad = [os.urandom(size) for size in (1, 20, 64, 124, 140, 1200)]
first = [bytes([byte]) + os.urandom(123) for byte in (0, 1, 20, 22, 23, 64, 128, 0x46)]
begin, sent, active = time.monotonic(), 0, 0.0
last = begin
while True:
    at = time.monotonic()
    if at - last > 0.2:
        begin += at - last
    else:
        active += at - last
    last = at
    due = (at - begin) * rate
    while sent < due:
        try:
            s.sendto(random.choice(bad + first), ("127.0.0.1", ports[sent % len(ports)]))
        except OSError:
            pass
        sent += 1
    with open(told + ".new", "w") as file:
        file.write(f"{sent / max(active, 1e-3):.0f}")
    os.replace(told + ".new", told)
    time.sleep(0.002)
"""
)
_SOCKETS = (
    _LAST
    + """
import asyncio, os, ssl, sys, time
told, host, port, tls = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "https"
counts = {"frames": 0}
context = ssl._create_unverified_context() if tls else None
key = "dGhlIHNhbXBsZSBub25jZQ=="
hello = (f"GET /ws HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nUpgrade: websocket\\r\\n"
         f"Connection: Upgrade\\r\\nSec-WebSocket-Key: {key}\\r\\n"
         "Sec-WebSocket-Version: 13\\r\\n\\r\\n").encode()

async def attacker():
    while True:
        try:
            _, out = await asyncio.open_connection(host, port, ssl=context,
                                                   local_addr=("127.0.0.2", 0))
            out.write(hello)
            for _ in range(400):
                body = os.urandom(100)
                out.write(bytes([0x82, 0x80 | len(body), 0, 0, 0, 0]) + body)
                await out.drain()
                counts["frames"] += 1
                await asyncio.sleep(0.004)
            out.close()
        except OSError:
            await asyncio.sleep(0.05)

async def tell():
    active, last = 0.0, time.monotonic()
    while True:
        await asyncio.sleep(0.1)
        at = time.monotonic()
        active, last = active + (at - last if at - last < 0.5 else 0.0), at
        with open(told + ".new", "w") as file:
            file.write(f"{counts['frames'] / max(active, 1e-3):.0f}")
        os.replace(told + ".new", told)

async def main():
    await asyncio.gather(tell(), *(attacker() for _ in range(40)))

asyncio.run(main())
"""
)


def hogs(rig: Rig) -> None:
    """Programs that never sleep, at normal priority."""
    for _ in range(PER_CORE * (os.cpu_count() or 1)):
        rig.start(_HOG)


def memory(rig: Rig) -> None:
    """One program takes half of what is free."""
    text = Path("/proc/meminfo").read_text("ascii")
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    if found is None:
        raise SkipCase("this system does not say how much memory is free")
    rig.start(_MEMORY, str(int(int(found[1]) * 1024 * MEMORY_SHARE)))


def busy_disk(rig: Rig) -> None:
    """Two programs keep the disk of the recording busy: every write of others waits for theirs."""
    for index in range(2):
        rig.start(_SYNC, str(rig.folder / f"sync-{index}"))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """The recording goes to a disk of its own, which `fill_disk` can fill."""
    out = folder / "out"
    out.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(out)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SkipCase(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(out)], check=True)


def fill_disk(rig: Rig) -> None:
    """Another program takes all that is free on the recording's disk."""
    out = rig.folder / "out"
    free = os.statvfs(out)
    with (out / "filled").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)


def ports_of(pid: int) -> list[int]:
    """Local UDP ports of a process."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        found = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
        if found is not None:
            inodes.add(found[1])
    ports = []
    for line in Path(f"/proc/{pid}/net/udp").read_text("ascii").splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes:
            ports.append(int(fields[1].split(":")[1], 16))
    return sorted(set(ports))


def flood(rig: Rig) -> None:
    """Bad datagrams from a foreign address to every port of gateway and media."""
    ports = [port for name in ("gateway", "media") for port in ports_of(rig.demo.pid(name))]
    if not ports:
        raise SkipCase("the processes have no UDP port")
    rig.start(_FLOOD, str(rig.folder / RATE), FOREIGN, str(FLOOD_PER_S), *map(str, ports))


def flood_sockets(rig: Rig) -> None:
    """Forty web sockets without a code that send bad frames as long as they are let."""
    scheme, rest = rig.demo.url("console").split("://", 1)
    host, port = rest.split("/", 1)[0].rsplit(":", 1)
    rig.start(_SOCKETS, str(rig.folder / RATE), host, port, scheme)


def aim_elsewhere(rig: Rig, run: bool) -> None:
    """In the pauses the same datagrams go to a socket that nobody reads.

    The flooding program costs as much then, and what differs is the flood's own.
    """
    for helper in rig.helpers:
        helper.send_signal(signal.SIGUSR2 if run else signal.SIGUSR1)


def flood_rate(rig: Rig) -> tuple[Figure, ...]:
    """What the flooding program could really send."""
    try:
        per_s: float | None = float((rig.folder / RATE).read_text("ascii"))
    except (OSError, ValueError):
        per_s = None
    return (Figure("flood sent", "1/s", per_s),)


def bedside_key(rig: Rig) -> None:
    """The nurse presses the stop key."""
    rig.demo.bedside.send(b"s")
