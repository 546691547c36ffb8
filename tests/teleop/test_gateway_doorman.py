"""Connections that ask for nothing, or are too many, are ended; those at work are not."""

from __future__ import annotations

import asyncio
import socket

from aiohttp import web

from teleop.gateway.doorman import Doorman
from transport.local.clock import now_ns

S = 1_000_000_000


async def serve(doorman: Doorman) -> tuple[web.AppRunner, asyncio.Server, int, asyncio.Event]:
    release = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="done")

    app = web.Application(middlewares=[doorman.middleware()])
    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    assert runner.server is not None
    server = await doorman.open(runner.server, listener, None)
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
        server.close()
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
        server.close()
        await runner.cleanup()

    asyncio.run(scenario())


async def read_all(reader: asyncio.StreamReader) -> bytes:
    """What comes until the end, which may be a reset."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
