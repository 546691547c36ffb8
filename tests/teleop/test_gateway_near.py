"""Consoles on the gateway's own machine: what a link needs, they do not get."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bench.site import nothing
from safety.messages import GUARD_REPORT
from teleop.config import Network
from teleop.gateway.downstream import Downstream
from teleop.gateway.near import FORWARDED, is_near
from transport.local.clock import now_ns

NEAR, FAR = 1, 2


async def _ask(host: str, headers: dict[str, str]) -> bool:
    found: list[bool] = []

    async def answer(request: web.Request) -> web.Response:
        found.append(is_near(request))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    async with TestServer(app, host="0.0.0.0") as server:
        url = f"http://{host}:{server.port}/"
        client: TestClient[web.Request, None] = TestClient(server)
        async with client:
            await client.session.get(url, headers=headers)
    return found[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_the_same_machine_is_near(host: str) -> None:
    # Linux answers from 127.0.0.2 to a client that is 127.0.0.1 there: not one address.
    assert asyncio.run(_ask(host, {})) == (host == "127.0.0.1")


@pytest.mark.parametrize("name", FORWARDED)
def test_a_proxy_on_this_machine_is_not(name: str) -> None:
    assert not asyncio.run(_ask("127.0.0.1", {name: "for=192.0.2.1"}))


class _Peer:
    def __init__(self) -> None:
        self.server = self
        self.sent: list[bytes] = []

    def send(self, label: str, data: bytes) -> bool:
        self.sent.append(data)
        return True

    def waiting(self, label: str) -> int:
        return 0

    def is_open(self, label: str) -> bool:
        return False


class _Console:
    def __init__(self) -> None:
        self.peer = _Peer()

    def peers(self) -> list[_Peer]:
        return [self.peer]

    def links_open(self, at_ns: int) -> int:
        return 1


class _Datagrams:
    def send(self, *what: Any) -> None:
        """Nobody listens."""


def test_only_a_console_behind_a_link_gets_second_copies() -> None:
    consoles: Any = {NEAR: _Console(), FAR: _Console()}
    datagrams: Any = _Datagrams()
    down = Downstream(consoles, datagrams, 2.0, alone=lambda session: session == NEAR)
    down.heartbeat(nothing(GUARD_REPORT))
    down.repeat(now_ns() + 2_000_000)
    assert [len(consoles[number].peer.sent) for number in (NEAR, FAR)] == [1, 2]


def test_the_beat_is_fine_only_for_somebody_behind_a_link() -> None:
    datagrams: Any = _Datagrams()
    for present, fine in (((), False), ((NEAR,), False), ((NEAR, FAR), True)):
        consoles: Any = {number: _Console() for number in present}
        down = Downstream(consoles, datagrams, 2.0, alone=lambda session: session == NEAR)
        assert down.is_fine() is fine


@pytest.mark.parametrize(("said", "far_ms", "near_ms"), [("auto", 2.0, 0.0), (3.0, 3.0, 3.0)])
def test_a_number_in_the_configuration_counts_everywhere(
    said: float | Literal["auto"], far_ms: float, near_ms: float
) -> None:
    network = Network(repeat_after_ms=said)
    assert (network.repeat_ms(near=False), network.repeat_ms(near=True)) == (far_ms, near_ms)
