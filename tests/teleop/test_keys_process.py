"""The real keys process: keys reach guard's pipe first, garbage is survived, guard starts anew."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gateway_harness import report_of

from safety.authentic import KEY_RECORD
from teleop import channels
from teleop.config import Config, Security, write_run
from teleop.keys.files import add_pin
from transport.identity import DeviceKey, decode, encode
from transport.keyagreement import reply_to

pytestmark = pytest.mark.process
WAIT_S = 120.0


class Keys:
    """A keys process with its gateway and its guard played by the test."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        channels.create_all(run_dir)
        write_run(run_dir, Config(security=Security(rekey_s=5.0)))
        self.pin = decode(add_pin(run_dir)) or b""
        self.guard = channels.box(run_dir, channels.GUARD_REPORT)
        self.guard.write(report_of())
        self.pipe, for_keys = os.pipe()
        life, self.life = os.pipe()
        command = [sys.executable, "-m", "teleop.keys", "--run", str(run_dir), "--life", str(life),
                   "--guard-pipe", str(for_keys), "--state", str(run_dir / "site")]  # fmt: skip
        self.process = subprocess.Popen(command, pass_fds=(for_keys, life))
        os.close(for_keys)
        os.close(life)
        self.connect()

    def connect(self) -> None:
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.link.settimeout(WAIT_S)
        while True:
            assert self.process.poll() is None, "keys ended"
            try:
                self.link.connect(str(self.run_dir / "keys.control"))
                break
            except OSError:
                select.select([], [], [], 0.02)  # it is starting
        self.lines = self.link.makefile("rb")

    def say(self, **line: Any) -> None:
        self.link.sendall(json.dumps(line).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.lines.readline())
        return line

    def key(self) -> tuple[int, bytes]:
        """The next key in guard's pipe."""
        assert select.select([self.pipe], [], [], WAIT_S)[0], "a key in the pipe"
        _, session, key = KEY_RECORD.unpack(os.read(self.pipe, KEY_RECORD.size))
        return session, key

    def agree(self, device: DeviceKey, session: int, offer: dict[str, Any] | None = None) -> bytes:
        if offer is None:
            self.say(op="begin", session=session)
            offer = self.hear()
        assert (offer["op"], offer["session"]) == ("offer", session)
        reply = reply_to(decode(offer["data"]) or b"", session, device, pin=self.pin)
        self.say(op="reply", session=session, data=encode(reply.data))
        done = self.hear()
        assert done["op"] == "done", done
        ready = select.select([self.pipe], [], [], 0)[0]
        assert ready, "guard has the key before the console hears that it may use it"
        assert decode(done["data"]) == reply.agreed.done
        return reply.agreed.key

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.lines.close()
        self.link.close()
        os.close(self.pipe)
        os.close(self.life)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    made = Keys(tmp_path / "run")
    yield made
    made.end()


def test_agrees_renews_and_serves_a_guard_that_was_started_anew(keys: Keys) -> None:
    device = DeviceKey()
    first = keys.agree(device, 7)
    assert keys.key() == (7, first)
    renewed = keys.agree(device, 7, offer=keys.hear())  # after `rekey_s`, without being asked
    assert keys.key() == (7, renewed)
    assert renewed != first
    keys.guard.write(replace(report_of(), incarnation=2))
    assert keys.key() == (7, renewed)


def test_signs_answers_and_nothing_else(keys: Keys) -> None:
    wanted = {
        "op": "sign", "id": 1, "nonce": "n", "session": 7, "role": "console", "peer": "video",
        "link": 0, "offer": "ab" * 32, "answer": "cd" * 32,
    }  # fmt: skip
    keys.say(**wanted)
    signed = keys.hear()
    assert (signed["op"], signed["id"]) == ("signed", 1)
    keys.say(**(wanted | {"offer": "not a digest"}))
    keys.say(**(wanted | {"role": "somebody"}))
    keys.say(**(wanted | {"id": 2}))
    assert keys.hear()["id"] == 2, "what is no digest of an answer is not signed"


def test_garbage_and_a_lost_gateway_do_not_end_it(keys: Keys) -> None:
    device = DeviceKey()
    first = keys.agree(device, 7)
    assert keys.key() == (7, first)
    keys.link.sendall(b'{"op": "\xff"}\n{"op": "begin"}\n[[[[\n\n' + b"[" * 9000 + b"\n")
    keys.say(op="reply", session=7, data="AAAA")
    assert keys.hear()["op"] == "failed"
    keys.link.sendall(b"x" * 40000)  # a line without an end: keys hangs up
    assert keys.lines.readline() == b""
    keys.lines.close()
    keys.link.close()
    keys.connect()
    keys.agree(device, 8)
    assert keys.process.poll() is None


def test_leaves_when_the_supervisor_is_gone(keys: Keys) -> None:
    os.close(keys.life)
    assert keys.process.wait(WAIT_S) == 0
    keys.life = os.open(os.devnull, os.O_RDONLY)


def test_leaves_when_told(keys: Keys) -> None:
    keys.process.send_signal(signal.SIGTERM)
    assert keys.process.wait(WAIT_S) == 0


def test_holds_no_network_socket(keys: Keys) -> None:
    keys.agree(DeviceKey(), 7)
    own = {os.readlink(f) for f in Path(f"/proc/{keys.process.pid}/fd").iterdir()}
    numbers = {name[8:-1] for name in own if name.startswith("socket:")}
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        path = Path(f"/proc/{keys.process.pid}/net/{table}")
        if path.exists():
            inodes = {line.split()[9] for line in path.read_text().splitlines()[1:]}
            assert not numbers & inodes, table
