"""Bedside inputs: keys, terminals (as ptys), local sockets, input devices."""

from __future__ import annotations

import os
import pty
import random
import socket
import struct
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from safety.states import EventKind
from teleop.guard.bedside import BedsideInput, EvdevInput, SocketInput, TerminalInput, open_input
from teleop.guard.errors import InputError
from teleop.guard.keys import KeyStream

MS = 1_000_000
T0 = 10_000_000_000
STOP, RELEASE, ESTOP = (EventKind.STOP, 1), (EventKind.STOP, 0), (EventKind.ESTOP, 1)


def present(keys: BedsideInput) -> bool:
    return keys.present


def test_any_key_is_a_stop_and_its_repeats_hold_it() -> None:
    keys = KeyStream()
    assert keys.feed(b"s", T0) == [STOP]
    assert keys.feed(b"s", T0 + 660 * MS) == []
    assert keys.expire(T0 + 1360 * MS) == [], "exactly the longest gap"
    assert keys.expire(T0 + 1360 * MS + 1) == [RELEASE]
    assert keys.expire(T0 + 9999 * MS) == []
    for byte in (b" ", b"\x1b", b"t", b"q", b"\n", b"\xff"):
        assert KeyStream().feed(byte, T0) == [STOP]


def test_e_is_the_emergency_stop_also_among_others() -> None:
    assert KeyStream().feed(b"e", T0) == [ESTOP]
    assert KeyStream().feed(b"xEy", T0) == [ESTOP, STOP]
    assert KeyStream().feed(b"", T0) == []


def test_a_lost_input_holds_nothing() -> None:
    keys = KeyStream()
    keys.feed(b"s", T0)
    keys.lost()
    assert keys.expire(T0 + 9999 * MS) == []
    assert keys.feed(b"s", T0 + 10 * MS) == [STOP]


@pytest.fixture
def terminal() -> Iterator[tuple[int, Path]]:
    main, other = pty.openpty()
    yield main, Path(os.ttyname(other))
    for handle in (main, other):
        try:
            os.close(handle)
        except OSError:
            continue  # closed by the test


def test_a_terminal_is_read_key_by_key_and_given_back(terminal: tuple[int, Path]) -> None:
    main, path = terminal
    before = termios.tcgetattr(main)
    keys = TerminalInput(path)
    assert keys.present
    during = termios.tcgetattr(main)
    assert not during[3] & (termios.ICANON | termios.ECHO)
    assert keys.poll(T0) == []
    os.write(main, b"s")
    assert keys.poll(T0) == [STOP]
    assert keys.poll(T0 + 701 * MS) == [RELEASE]
    keys.close()
    after = termios.tcgetattr(main)
    assert after[3] & termios.ICANON
    assert after[3] & termios.ECHO
    assert after[:3] == before[:3]


def test_a_hung_up_terminal_is_lost_without_an_error(terminal: tuple[int, Path]) -> None:
    main, path = terminal
    keys = TerminalInput(path)
    os.write(main, b"s")
    assert keys.poll(T0) == [STOP]
    os.close(main)
    keys.poll(T0 + MS)
    assert not keys.present
    assert keys.poll(T0 + 5000 * MS) == []
    assert not keys.present


def test_a_missing_terminal_is_absent_and_looked_for_again(tmp_path: Path) -> None:
    keys = TerminalInput(tmp_path / "nothing")
    assert not keys.present
    assert keys.poll(T0) == []
    keys.close()


def test_a_socket_client_is_the_input_and_its_end_is_the_loss(tmp_path: Path) -> None:
    path = tmp_path / "bedside.sock"
    keys = open_input(str(path))
    assert isinstance(keys, SocketInput)
    assert not present(keys)
    assert keys.poll(T0) == []
    for _ in range(2):  # it may come back
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(str(path))
        keys.poll(T0)
        assert present(keys)
        client.send(b"s")
        assert keys.poll(T0) == [STOP]
        assert keys.poll(T0 + 701 * MS) == [RELEASE]
        client.close()
        assert keys.poll(T0 + 702 * MS) == []
        assert not present(keys)
    assert path.stat().st_mode & 0o777 == 0o600
    keys.close()


def test_a_socket_survives_a_thousand_random_writes(tmp_path: Path) -> None:
    keys = SocketInput(tmp_path / "s")
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(tmp_path / "s"))
    keys.poll(T0)
    rng = random.Random(2)
    for n in range(1000):
        client.send(rng.randbytes(rng.randrange(1, 300)))
        for kind, arg in keys.poll(T0 + n * MS):
            assert kind in (EventKind.STOP, EventKind.ESTOP)
            assert arg in (0, 1)
    assert keys.present
    client.close()
    keys.close()


EVENT = struct.Struct("llHHi")


def test_an_input_device_has_real_releases(tmp_path: Path) -> None:
    path = tmp_path / "event0"
    os.mkfifo(path)
    device = EvdevInput(path)
    assert present(device)
    writer = os.open(path, os.O_WRONLY)
    press = EVENT.pack(1, 2, 1, 28, 1) + EVENT.pack(1, 2, 0, 0, 0)
    os.write(writer, press)
    assert device.poll(T0) == [STOP]
    os.write(writer, EVENT.pack(1, 2, 1, 28, 2))
    assert device.poll(T0) == [], "a repeat"
    os.write(writer, EVENT.pack(1, 2, 1, 30, 1) + EVENT.pack(1, 2, 1, 28, 0))
    assert device.poll(T0) == [], "another key is still down"
    os.write(writer, EVENT.pack(1, 2, 1, 30, 0))
    assert device.poll(T0) == [RELEASE]
    assert device.poll(T0) == []
    os.close(writer)
    assert device.poll(T0) == []
    assert not present(device), "unplugged"
    assert device.poll(T0 + 2000 * MS) == []
    device.close()


def test_a_missing_device_is_absent(tmp_path: Path) -> None:
    device = EvdevInput(tmp_path / "none")
    assert not device.present
    assert device.poll(T0) == []


def test_the_kind_of_input_follows_from_its_path(
    tmp_path: Path, terminal: tuple[int, Path]
) -> None:
    opened = open_input(str(terminal[1]))
    assert isinstance(opened, TerminalInput)
    opened.close()
    assert isinstance(open_input("/dev/input/event99"), EvdevInput)
    plain = tmp_path / "file"
    plain.write_text("x")
    with pytest.raises(InputError, match="neither"):
        open_input(str(plain))
    with pytest.raises(InputError, match="cannot listen"):
        open_input(str(tmp_path / "no" / "such" / "folder"))
