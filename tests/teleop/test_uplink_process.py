"""The process uplink: hears only through its gateway's table, survives floods and nonsense."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from link_rig import SESSION, frame_of

from safety.frame import pack, place_of
from teleop import channels
from teleop.config import Config, write_run
from teleop.gateway.uplink import UplinkLine
from teleop.uplink.control import Control, TableError
from teleop.uplink.messages import SOCKET, Flow, Table, encode_table
from transport.datagrams import Direction, Kind, Sealer, derive_key
from transport.local.clock import now_ns, sleep_until
from transport.local.timing import LoopTiming

PATIENCE_NS = 30_000_000_000
KEY = derive_key("token", "nonce", Direction.UP)


class Rig:
    """Stands for gateway and console."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        channels.create_all(run_dir)
        write_run(run_dir, Config())
        self.box = channels.raw_box(run_dir, channels.DATAGRAM_FRAME)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.console = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.console.connect(self.udp.getsockname())
        self.line = UplinkLine(run_dir / SOCKET)
        self.sealer = Sealer(KEY, SESSION, 1)
        self.seq = 0
        command = [sys.executable, "-m", "teleop.uplink", "--run", str(run_dir)]
        self.process = subprocess.Popen(command)

    def until(self, done: Any) -> None:
        end_ns = now_ns() + PATIENCE_NS
        while not done():
            assert now_ns() < end_ns
            assert self.process.poll() is None
            sleep_until(now_ns() + 2_000_000)

    def allow(self, drives: int = SESSION) -> None:
        table = encode_table(Table(drives, (Flow(SESSION, 0, KEY),)))

        def told() -> bool:
            self.line.keep(table, [self.udp.fileno()], now_ns())
            return self.line.watch()

        self.until(told)

    def passed(self) -> bool:
        """Send one more frame; True: one of the last few is in guard's mailbox."""
        self.seq += 1
        frame = pack(frame_of(self.seq, 1))
        self.console.send(self.sealer.seal(Kind.COMMAND, frame, now_ns()))
        return self.newest() >= self.seq - 3 > 0

    def newest(self) -> int:
        item = self.box.read()
        return place_of(item[1])[2] if item else -1

    def timing(self) -> LoopTiming:
        box = channels.box(self.run_dir, channels.TIMING["uplink"])
        found: list[LoopTiming] = []

        def told() -> bool:
            found.extend(item[1] for item in [box.read()] if item)
            return bool(found)

        self.until(told)
        return found[-1]

    def close(self) -> None:
        self.line.close()
        self.process.terminate()
        assert self.process.wait(20) == 0
        self.udp.close()
        self.console.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    try:
        yield made
    finally:
        made.close()


STOPPED: dict[str, Callable[[Rig], None]] = {
    "the table says so": lambda rig: rig.allow(drives=0),
    "gateway is gone": lambda rig: rig.line.close(),
}


@pytest.mark.process
@pytest.mark.parametrize("why", STOPPED)
def test_nobody_is_heard_when(why: str, rig: Rig) -> None:
    rig.allow()
    rig.until(rig.passed)
    assert rig.timing().asked, "its rights are told, granted or not"
    STOPPED[why](rig)
    before = rig.seq
    rig.until(lambda: not rig.passed() and rig.seq > before + 20)
    assert rig.newest() <= before + 3
    rig.allow()
    rig.until(rig.passed)


@pytest.mark.process
def test_a_flood_is_read_at_the_allowed_rate_and_ends(rig: Rig) -> None:
    rig.allow()
    rig.until(rig.passed)
    rng = random.Random("flood")
    captured = rig.sealer.seal(Kind.COMMAND, bytes(100), now_ns())[:8]
    noise = [captured + rng.randbytes(rng.randrange(1400)) for _ in range(500)]
    start_ns, before = now_ns(), rig.timing().cycles

    def paused() -> bool:
        for data in noise:
            rig.console.send(data)
        return rig.timing().overruns > 0

    rig.until(paused)
    seconds = (now_ns() - start_ns) / 1e9
    assert rig.timing().cycles - before <= 2000 * (seconds + 2.0) + 400
    rig.until(rig.passed)


@pytest.mark.process
@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="socket filters of Linux")
def test_what_names_no_session_is_not_even_read(rig: Rig) -> None:
    rig.allow()
    rig.until(rig.passed)
    rng = random.Random("strangers")
    foreign = Sealer(KEY, SESSION + 1, 1)
    noise = [rng.randbytes(rng.randrange(1, 1400)) for _ in range(500)]
    noise += [foreign.seal(Kind.COMMAND, bytes(100), now_ns()) for _ in range(500)]
    for data in noise:
        rig.console.send(data)
    sent, told = rig.seq, rig.timing().cycles
    rig.until(lambda: rig.passed() and rig.seq > sent + 3 and rig.timing().cycles > told)
    assert rig.timing().cycles <= rig.seq, "nothing but our own frames was read"


def test_nonsense_on_its_line_ends_the_line(tmp_path: Path) -> None:
    control, rng = Control(tmp_path), random.Random("control")
    good = encode_table(Table(1, (Flow(1, 0, KEY),)))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line, udp:
        line.connect(str(tmp_path / SOCKET))
        assert control.accept() >= 0
        for number in range(1000):
            data = bytearray(good)
            data[rng.randrange(len(good))] ^= rng.randrange(1, 256)
            bad = b"\xff" + bytes(data) if number % 2 else rng.randbytes(rng.randrange(1, 300))
            socket.send_fds(line, [bad], [udp.fileno()])
            with pytest.raises(TableError):
                control.read()
        socket.send_fds(line, [good], [udp.fileno()])
        got = control.read()
        assert got is not None
        table, sockets = got
        assert table.flows[0].key == KEY
        assert [one.getsockname() for one in sockets] == [udp.getsockname()]
        sockets[0].close()
        line.close()
        assert control.read() is None
    control.close()
