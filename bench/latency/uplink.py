"""Ends of the datagram path: `python -m bench.latency.uplink serve|send datagrams RATE_HZ OUT`.

The product's process `uplink` receives as in a session; the server stands for gateway: it owns the
socket, says who may send and reads what came. Measured is from the moment that a real-time console
begins to make a safety frame until the frame lies in guard's mailbox: encoding, signing, sending,
the network, waking, every check of `uplink`, handing over. Not contained: the person's device
before, and guard's cycle after it (bench timing, and the stages of a whole loop, have those).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.kit.cpu import core_percent, read_process
from bench.latency.command import CommandLog, send_on_schedule, store, until_told
from safety.frame import SafetyFrame, pack, unpack
from teleop import channels
from teleop.config import DEFAULT_LINKS, Config, write_run
from teleop.gateway.datagrams import DatagramDoor
from teleop.uplink.messages import Arrival
from transport.datagrams import Direction, Kind, Sealer, derive_key
from transport.local.clock import now_ns, sleep_until

SESSION, TOKEN, NONCE = 1, "bench", "bench"
LOOK_NS = 50_000_000
ZERO = (0.0, 0.0, 0.0)
BLANK = SafetyFrame(
    session=SESSION, epoch=1, seq=0, echo_ns=0, echo_nonce=0, frame_id=0, dwell_us=0,
    haptic_echo_us=0, haptic_dwell_us=0, flags=0, mode=0, deadman_edges=0, hand_p_m=ZERO,
    hand_r_rad=ZERO, hand_v_m_s=ZERO, hand_w_rad_s=ZERO, force_ref_n=0.0, needle_v_m_s=0.0,
    limits_hash=0,
)  # fmt: skip


def frame(number: int) -> bytes:
    """A safety frame begun now: its sequence is the number, its echo the time."""
    return pack(replace(BLANK, seq=number, echo_ns=now_ns()))


@contextlib.contextmanager
def uplink(run_dir: Path) -> Iterator[int]:
    """The product's process, by its id, runs while the block does."""
    reading, writing = os.pipe()
    command = (sys.executable, "-m", "teleop.uplink", "--run", str(run_dir))
    process = subprocess.Popen((*command, "--life", str(reading)), pass_fds=(reading,))
    os.close(reading)
    try:
        yield process.pid
    finally:
        os.close(writing)
        process.wait()


def serve(out: Path) -> None:
    """Say the port, note frames until told to stop."""
    with tempfile.TemporaryDirectory(prefix="teleop-uplink-") as name:
        run_dir = Path(name)
        channels.create_all(run_dir)
        write_run(run_dir, Config())
        with uplink(run_dir) as process:
            store(out, _received(run_dir, process))


def _received(run_dir: Path, process: int) -> CommandLog:
    arrivals: list[tuple[int, int, int]] = []

    def take(arrival: Arrival) -> None:
        if arrival.handed_ns:
            got = unpack(arrival.body)
            arrivals.append((got.seq, got.echo_ns, arrival.handed_ns))

    door, told = DatagramDoor(run_dir, take), until_told()
    [port] = door.open(DEFAULT_LINKS, "0.0.0.0")
    door.admit(SESSION, TOKEN, NONCE)
    while not door.line.calls:
        _look(door)
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()
    start_ns, before = now_ns(), read_process(process)
    while not told():
        _look(door)
    cpu = core_percent(process, before, (now_ns() - start_ns) / 1e9)
    item = channels.box(run_dir, channels.TIMING["uplink"]).read()
    door.close()
    if item is None:
        return CommandLog(arrivals, cpu_percent=cpu)
    timing = item[1]
    woke = (timing.late_p50_us, timing.late_p99_us, timing.late_p999_us)
    return CommandLog(arrivals, 0, timing.fifo and timing.locked, round(cpu, 1), woke)


def _look(door: DatagramDoor) -> None:
    """Do now and then what the gateway's pump does each 2 ms."""
    door.follow(SESSION, now_ns())
    sleep_until(now_ns() + LOOK_NS)


def send(rate_hz: float, out: Path) -> None:
    """Make, sign and send on schedule, until told to stop."""
    sealer = Sealer(derive_key(TOKEN, NONCE, Direction.UP), SESSION, now_ns())
    send_on_schedule(
        rate_hz, out, lambda number: sealer.seal(Kind.COMMAND, frame(number), now_ns())
    )


if __name__ == "__main__":
    end, _, rate, target = sys.argv[1:]
    if end == "serve":
        serve(Path(target))
    else:
        send(float(rate), Path(target))
    os._exit(0)
