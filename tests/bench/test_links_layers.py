"""The same profile and seed in the pure model, in the bridge and in the relay."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.links.control import Begin
from bench.links.emulator import Emulator, EmulatorError
from bench.links.namespaces import Namespaces, Side, sweep, why_not
from bench.links.network import Network
from bench.links.profiles import Scenario, both_ways, scenario
from bench.links.pump import LOG_RECORD
from transport.impair import JitterShape, LinkProfile, paths

pytestmark = pytest.mark.process
COUNT = 400
RATE_HZ = 500
SEED = 3
PROBE = [sys.executable, "-m", "bench.links.probe"]
ROOT = Path(__file__).parent.parent.parent
LOSSY = Scenario(
    "lossy", "random and burst loss, jitter, duplicates", "test",
    (both_ways(LinkProfile(delay_ms=8.0, loss=0.05, burst=3.0, jitter_ms=2.0, duplicate=0.05,
                           jitter_shape=JitterShape.HALF_NORMAL,
                           rate_kbps=((0.0, 20_000.0),))),),
)  # fmt: skip


@dataclass
class Seen:
    """What the far end got, in order, and what the emulator says it did."""

    index: list[int]
    delay_ns: list[int]
    damaged: int
    log: list[tuple[int, int, int, int, int, int]]
    origin_ns: int


def need_namespaces() -> None:
    lack = why_not()
    if lack:
        pytest.skip(f"{lack}: real packets are not tested")
    try:
        Namespaces(1).close()
    except EmulatorError as error:
        pytest.skip(f"{error}: real packets are not tested")


@contextlib.contextmanager
def receiver(start: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    assert start.stdout is not None
    try:
        assert start.stdout.readline() == b"ready\n"
        yield start
    finally:
        start.kill()
        start.wait()
        start.stdout.close()


def _seen(out: Path, log: Path, origin_ns: int) -> Seen:
    got = json.loads(out.read_text())
    delays = [b - a for a, b in zip(got["sent_ns"], got["arrived_ns"], strict=True)]
    rows = list(LOG_RECORD.iter_unpack(log.read_bytes()))
    return Seen(got["index"], delays, got["damaged"], rows, origin_ns)


def over_bridge(made: Scenario, seed: int, folder: Path) -> Seen:
    out, log = folder / "bridge.json", folder / "bridge.log"
    with Network(made, seed, log) as network:
        target = network.address(Side.ROBOT)
        far = network.start(
            Side.ROBOT, [*PROBE, "receive", target, "--out", str(out)],
            stdout=subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        with receiver(far):
            origin_ns = network.emulator.restart()
            command = [*PROBE, "send", target, "--count", str(COUNT), "--rate", str(RATE_HZ)]
            assert network.start(Side.CONSOLE, command, cwd=ROOT).wait(60) == 0
            assert far.wait(60) == 0
    return _seen(out, log, origin_ns)


def over_relay(made: Scenario, seed: int, folder: Path) -> Seen:
    out, log = folder / "relay.json", folder / "relay.log"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    far = subprocess.Popen(
        [*PROBE, "receive", "127.0.0.1", "--port", str(port), "--out", str(out)],
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    begin = Begin(made.name, made.links, seed, str(log), (("127.0.0.1", port),))
    with receiver(far), Emulator("bench.links.relay", [], begin) as relay:
        near = [*PROBE, "send", "127.0.0.1", "--port", str(relay.ready.ports[0])]
        subprocess.run(
            [*near, "--count", str(COUNT), "--rate", str(RATE_HZ)], cwd=ROOT, check=True, timeout=90
        )
        assert far.wait(60) == 0
        origin_ns = relay.ready.origin_ns
    return _seen(out, log, origin_ns)


def compare(made: Scenario, seed: int, seen: Seen) -> None:
    """The layer against the pure model: losses by packet index, due times to the nanosecond."""
    model = paths(made.links, seed, seen.origin_ns)[0].up
    up = [row for row in seen.log if row[1] == 0]
    fates = [model.send(sent_ns, size_bytes) for _, _, size_bytes, sent_ns, _, _ in up]
    dues = [(*fate.due_ns, -1, -1)[:2] for fate in fates]
    assert dues == [(first, second) for *_, first, second in up]

    # A fresh model that never saw a clock of the layer: the pattern is that of the seed.
    fresh = paths(made.links, seed)[0].up
    expected = [
        index for index in range(COUNT)
        for _ in fresh.send(index * 1_000_000_000, 156).due_ns
    ]  # fmt: skip
    assert sorted(seen.index) == expected
    assert seen.index == sorted(seen.index), "jitter does not reorder"
    assert seen.damaged == 0

    least_ns = {index: fate.due_ns[0] - up[index][3] for index, fate in enumerate(fates[:COUNT])
                if fate.due_ns}  # fmt: skip
    early = [i for i, delay_ns in zip(seen.index, seen.delay_ns, strict=True)
             if delay_ns < least_ns[i]]  # fmt: skip
    assert not early, "nothing arrives before the model lets it"


def test_the_relay_and_the_model_agree(tmp_path: Path) -> None:
    compare(LOSSY, SEED, over_relay(LOSSY, SEED, tmp_path))


def test_the_bridge_and_the_model_agree(tmp_path: Path) -> None:
    need_namespaces()
    compare(LOSSY, SEED, over_bridge(LOSSY, SEED, tmp_path))


def test_delays_have_the_same_distribution_in_all_layers(tmp_path: Path) -> None:
    """Due minus sent, per packet: what a layer adds by itself is its lateness, reported apart."""
    need_namespaces()
    made = Scenario("plain", "jitter only", "test", (both_ways(
        LinkProfile(delay_ms=8.0, jitter_ms=2.0, jitter_shape=JitterShape.HALF_NORMAL,
                    in_order=False)),))  # fmt: skip
    model = paths(made.links, SEED)[0].up
    pure = [model.send(0).due_ns[0] for _ in range(COUNT)]
    for seen in (over_bridge(made, SEED, tmp_path), over_relay(made, SEED, tmp_path)):
        up = [row for row in seen.log if row[1] == 0][:COUNT]
        delays = [first - sent_ns for _, _, _, sent_ns, first, _ in up]
        assert max(abs(a - b) for a, b in zip(delays, pure, strict=True)) <= 2, "rounding"


def test_two_links_are_apart_and_a_cut_one_leaves_the_other(tmp_path: Path) -> None:
    need_namespaces()
    made = Scenario(
        "pair",
        "a slow and a fast link",
        "test",
        (both_ways(LinkProfile(delay_ms=30.0)), both_ways(LinkProfile(delay_ms=2.0))),
    )
    script = (
        "import socket, sys\n"
        "def ask(link, target):\n"
        "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    s.bind((f'10.77.{link}.2', 0)); s.settimeout(0.5)\n"
        "    s.sendto(b'x', (f'10.77.{target}.1', 9))\n"
        "    try: return s.recv(9) == b'x'\n"
        "    except (TimeoutError, ConnectionError): return False\n"
        "print(ask(0, 0), ask(1, 1), ask(0, 1), flush=True)\n"
    )
    echo = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 9))\n"
        "print('ready', flush=True)\n"
        "while True: s.sendto(*s.recvfrom(99))\n"
    )
    with Network(made) as network:
        far = network.start(Side.ROBOT, [sys.executable, "-c", echo], stdout=subprocess.PIPE)
        with receiver(far):

            def ask() -> str:
                near = network.start(
                    Side.CONSOLE, [sys.executable, "-c", script], stdout=subprocess.PIPE
                )
                said: bytes = near.communicate(timeout=240)[0]
                return said.decode().strip()

            assert ask() == "True True False", "a packet from link 0 to link 1 belongs to neither"
            network.emulator.cut(0)
            assert ask() == "False True False"
            network.emulator.cut(0, up=False, down=False)
            assert ask() == "True True False"
    report = network.emulator.report
    assert report is not None
    assert report.lanes[0].drops == {"cut": 1}
    assert report.stray >= 3


def test_namespaces_of_the_dead_are_swept(tmp_path: Path) -> None:
    need_namespaces()
    crash = (
        "import os\nfrom bench.links.namespaces import Namespaces\n"
        "Namespaces(1)\nprint(os.getpid(), flush=True)\nos._exit(1)\n"
    )
    dead = subprocess.run(
        [sys.executable, "-c", crash], cwd=ROOT, capture_output=True, text=True, timeout=240,
        check=False,
    )  # fmt: skip
    pid = dead.stdout.strip()
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert f"teleop-{pid}-0-robot" in listed.stdout
    mine = Namespaces(1)
    try:
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
        assert f"teleop-{pid}-" not in listed.stdout
        assert f"teleop-{os.getpid()}-" in listed.stdout
        assert not [name for name in sweep() if name.startswith(f"teleop-{os.getpid()}-")]
    finally:
        mine.close()


def test_the_command_line_runs_a_program_through_the_relay() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 0))
        port = echo.getsockname()[1]

        def answer() -> None:
            data, address = echo.recvfrom(99)
            echo.sendto(data, address)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        ask = (
            "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
            "s.settimeout(30); s.sendto(b'hello', ('127.0.0.1', int(sys.argv[1])));"
            "sys.exit(s.recv(99) != b'hello')"
        )
        done = subprocess.run(
            [sys.executable, "-m", "bench.links", "--profile", "delay-30",
             "--relay", f"127.0.0.1:{port}", "--", sys.executable, "-c", ask, "{port}"],
            cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        thread.join(5)
    assert done.returncode == 0, done.stderr
    assert "relay 'delay-30'" in done.stderr


def test_a_terminated_command_line_leaves_nothing_behind() -> None:
    need_namespaces()
    command = [sys.executable, "-m", "bench.links", "--profile", "5g+5g"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as line:
        assert line.stderr is not None
        said = [line.stderr.readline() for _ in range(3)]
        assert "console: 10.77.0.2, 10.77.1.2" in said[2]
        line.terminate()
        assert line.wait(60) == 128 + 15
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert f"teleop-{line.pid}-" not in listed.stdout


def test_an_emulator_that_cannot_begin_says_so() -> None:
    begin = Begin("5g", scenario("5g").links, 1)
    with pytest.raises(EmulatorError, match="has ended"):
        Emulator("bench.links.relay", [], begin)
