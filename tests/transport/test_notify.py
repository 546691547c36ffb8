"""systemd's notify protocol: what is said, when, and by whom."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from transport.local.notify import ServiceWatch

PID = 4711
S = 1_000_000_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(manager: socket.socket) -> list[str]:
    out = []
    while True:
        try:
            out.append(manager.recv(256).decode())
        except BlockingIOError:
            return out


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), **more}


def test_ready_alive_at_half_the_period_and_stopping(manager: socket.socket) -> None:
    watch = ServiceWatch.of(
        environment(manager, WATCHDOG_USEC="2000000", WATCHDOG_PID=str(PID)), PID
    )
    watch.ready()
    assert [watch.alive(t * S // 10) for t in (10, 15, 19, 20, 30)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    watch.stopping()
    watch.close()
    watch.stopping()
    assert heard(manager) == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_who_inherits_the_environment_stays_silent(manager: socket.socket) -> None:
    inherited = environment(manager, WATCHDOG_USEC="2000000", WATCHDOG_PID=str(PID))
    with closing(ServiceWatch.of(inherited, PID + 1)) as child:
        child.ready()
        assert not child.alive(S)
    assert heard(manager) == []


@pytest.mark.parametrize("asked", ["", "x", "-5", "1e6", "٣", "0"])
def test_no_watchdog_unless_a_period_is_asked_for(manager: socket.socket, asked: str) -> None:
    with closing(ServiceWatch.of(environment(manager, WATCHDOG_USEC=asked), PID)) as watch:
        watch.ready()
        assert not watch.alive(S)
    assert heard(manager) == ["READY=1"]


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    ServiceWatch.of({}, PID).ready()
    gone = ServiceWatch.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}, PID)
    gone.ready()
    gone.close()


def test_an_abstract_socket_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0teleop-test-notify")
        listening.setblocking(False)
        with closing(ServiceWatch.of({"NOTIFY_SOCKET": "@teleop-test-notify"}, PID)) as watch:
            watch.ready()
        assert heard(listening) == ["READY=1"]
