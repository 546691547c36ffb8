"""Connections that ask for nothing, or are too many, are ended; those at work are not."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from test_gateway_listen import make_certificate

from teleop.gateway import entrance
from teleop.gateway.callers import (
    MOST_ADDRESSES,
    MOST_KNOWN,
    PER_ADDRESS_BURST,
    PER_ADDRESS_HZ,
    PER_STRANGER_BURST,
    PER_STRANGER_HZ,
    STRANGERS_BURST,
    Callers,
)
from teleop.gateway.doorman import Doorman
from teleop.gateway.entrance import Entrance
from transport.local.clock import now_ns

S = 1_000_000_000


def listening() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    return listener


async def serve(
    doorman: Doorman, tls: ssl.SSLContext | None = None
) -> tuple[web.AppRunner, Entrance, int, asyncio.Event]:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="done")

    app = web.Application(middlewares=[doorman.middleware()])
    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = listening()
    assert runner.server is not None
    server = doorman.open(runner.server, listener, tls)
    return runner, server, int(listener.getsockname()[1]), release


def test_a_slow_header_is_dismissed_and_a_slow_answer_is_not() -> None:
    async def scenario() -> None:
        doorman = Doorman()
        runner, server, port, release = await serve(doorman)
        slow_reader, slow_writer = await asyncio.open_connection("127.0.0.1", port)
        slow_writer.write(b"GET / HTTP/1.1\r\nHost: 127")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(30):
            while not doorman._busy:
                await asyncio.sleep(0.005)
            assert doorman.dismiss_idle(now_ns()) == 0
            assert doorman.dismiss_idle(now_ns() + 11 * S) == 1
            assert await read_all(slow_reader) == b""
            release.set()
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        for one in (writer, slow_writer):
            one.close()
        await server.close()
        await runner.cleanup()

    asyncio.run(scenario())


def test_one_too_many_is_closed_and_a_free_place_is_used_again() -> None:
    async def scenario() -> None:
        doorman = Doorman(most=2, idle_ns=0)
        runner, server, port, _ = await serve(doorman)
        async with asyncio.timeout(30):
            first = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            while runner.server is None or len(runner.server.connections) < 2:
                await asyncio.sleep(0.005)
            extra_reader, extra_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await read_all(extra_reader) == b""
            first[0][1].close()
            while len(runner.server.connections) > 1:
                await asyncio.sleep(0.005)
            again_reader, again_writer = await asyncio.open_connection("127.0.0.1", port)
            again_writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await again_reader.readline()).startswith(b"HTTP/1.1 404")
        for _, writer in first:
            writer.close()
        extra_writer.close()
        again_writer.close()
        await server.close()
        await runner.cleanup()

    asyncio.run(scenario())


def test_a_flood_from_one_address_is_ended_before_its_handshake_and_others_still_come() -> None:
    async def scenario() -> None:
        doorman = Doorman()
        runner, server, port, _ = await serve(doorman)
        burst = round(PER_STRANGER_BURST)
        async with asyncio.timeout(60):
            ended = 0
            for _ in range(burst + 60):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=("127.0.0.2", 0)
                )
                writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
                ended += await read_all(reader) == b""
                writer.close()
            assert ended == doorman.callers.turned_away >= 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            assert (await read_all(reader)).startswith(b"HTTP/1.0 404")
            writer.close()
        await server.close()
        await runner.cleanup()

    asyncio.run(scenario())


def test_whoever_speaks_no_tls_is_ended_and_the_next_one_is_served(tmp_path: Path) -> None:
    failed: list[object] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: failed.append(context["message"]))
        certificate, key = make_certificate(tmp_path)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        doorman = Doorman()
        runner, server, port, _ = await serve(doorman, tls)
        async with asyncio.timeout(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            assert not (await read_all(reader)).startswith(b"HTTP")
            writer.close()
            client = ssl.create_default_context(cafile=certificate)
            client.check_hostname = False
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
            writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            assert (await read_all(reader)).startswith(b"HTTP/1.0 404")
            writer.close()
        await server.close()
        await runner.cleanup()
        gc.collect()  # a task whose error nobody took says so when it is collected

    asyncio.run(scenario())
    assert [text for text in failed if "never retrieved" in str(text)] == []


def test_without_file_descriptors_it_waits_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "PAUSE_S", 0.01)

    class Exhausted:
        """A listener that has nothing to give twice."""

        def __init__(self, real: socket.socket) -> None:
            self.real, self.failures = real, 2

        def fileno(self) -> int:
            return self.real.fileno()

        def close(self) -> None:
            self.real.close()

        def accept(self) -> tuple[socket.socket, object]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "too many open files")
            return self.real.accept()

    async def scenario() -> None:
        real = listening()
        broken = Exhausted(real)
        made: list[asyncio.Protocol] = []

        def make() -> asyncio.Protocol:
            made.append(asyncio.Protocol())
            return made[-1]

        door = Entrance(cast(socket.socket, broken), None, lambda _: True, make)
        async with asyncio.timeout(30):
            _, writer = await asyncio.open_connection("127.0.0.1", real.getsockname()[1])
            while not made:
                await asyncio.sleep(0.005)
        assert broken.failures == 0
        writer.close()
        await door.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("known", [True, False])
def test_the_bucket_of_an_address_at_its_border(known: bool) -> None:
    callers = Callers(0)
    if known:
        callers.know("192.0.2.1")
    burst = round(PER_ADDRESS_BURST if known else PER_STRANGER_BURST)
    assert [callers.admit("192.0.2.1", 0) for _ in range(burst + 1)] == [True] * burst + [False]
    period_ns = round(S / (PER_ADDRESS_HZ if known else PER_STRANGER_HZ))
    assert not callers.admit("192.0.2.1", period_ns - 1)
    assert callers.admit("192.0.2.1", period_ns + 1)
    assert callers.turned_away == 2
    assert callers.admit("192.0.2.2", period_ns + 1), "another address has its own"


def test_who_joins_after_all_that_a_stranger_may_goes_on_at_once() -> None:
    callers = Callers(0)
    while callers.admit("192.0.2.1", 0):
        pass
    callers.know("192.0.2.1")
    again = sum(callers.admit("192.0.2.1", 0) for _ in range(1000))
    callers.know("192.0.2.1")
    assert again == round(PER_ADDRESS_BURST)
    assert not callers.admit("192.0.2.1", 0), "joining again gives nothing more"


def test_many_addresses_share_the_bucket_of_strangers_and_those_who_joined_do_not() -> None:
    callers = Callers(0)
    callers.know("198.51.100.7")
    admitted = sum(callers.admit(f"10.0.{n // 250}.{n % 250}", 0) for n in range(1000))
    assert admitted == round(STRANGERS_BURST)
    assert callers.admit("198.51.100.7", 0)
    for n in range(MOST_ADDRESSES + MOST_KNOWN):
        callers.know(f"10.1.{n // 250}.{n % 250}")
        callers.admit(f"10.2.{n // 250}.{n % 250}", 0)
    assert len(callers._buckets) <= MOST_ADDRESSES
    assert len(callers._known) <= MOST_KNOWN


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("not an address", "not an address", True),
    ],
)
def test_which_addresses_count_as_one(one: str, other: str, same: bool) -> None:
    callers = Callers(0)
    while callers.admit(one, 0):
        pass
    assert callers.admit(other, 0) != same


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, which may be a reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
